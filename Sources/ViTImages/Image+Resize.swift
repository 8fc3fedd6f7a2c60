import ViTLite

extension Image {
  /// The image at another size, sample for sample what Pillow's `Image.resize` gives (version 13).
  ///
  /// Two passes, each in fixed point and rounded to 8 bits, so their order is part of the result. Throws
  /// `ImageError.pixels` when the image between the passes would exceed `maximumPixels`.
  func resized(
    to target: ImageSize, filter: Preprocessing.Filter, maximumPixels: Int = ImageSize.defaultMaximumPixels
  ) throws(ImageError) -> Image {
    if target == size { return self }
    if filter == .nearest { return try resizedToNearest(target) }
    // Tall images are made shorter first, as in Pillow since version 13; before, rows always came first, and some
    // samples of such images are a level apart.
    let removedRows = height - target.height
    let isShortenedFirst = removedRows > 0 && removedRows > (width - target.width) * 2
    let between =
      isShortenedFirst
      ? try ImageSize(width: width, height: target.height, maximumPixels: maximumPixels)
      : try ImageSize(width: target.width, height: height, maximumPixels: maximumPixels)
    return try resized(to: between, by: filter).resized(to: target, by: filter)
  }

  /// The image with another width or another height.
  private func resized(to target: ImageSize, by filter: Preprocessing.Filter) throws(ImageError) -> Image {
    if target.width != width {
      return try rowsResized(to: target, ResamplingTaps(from: width, to: target.width, filter: filter))
    }
    if target.height != height {
      return try columnsResized(to: target, ResamplingTaps(from: height, to: target.height, filter: filter))
    }
    return self
  }

  private func rowsResized(to target: ImageSize, _ taps: ResamplingTaps) throws(ImageError) -> Image {
    var resized = [UInt8](repeating: 0, count: target.pixelCount * channels)
    var output = resized.mutableSpan
    let (source, weights) = (pixels.span, taps.weights.span)
    for y in 0..<target.height {
      for x in 0..<target.width {
        let start = (y * width + taps.starts[x]) * channels
        let target = (y * target.width + x) * channels
        let firstWeight = x * taps.stride
        for channel in 0..<channels {
          var sum = roundingHalf
          for tap in 0..<taps.counts[x] {
            sum &+= Int32(source[start + tap * channels + channel]) &* weights[firstWeight + tap]
          }
          output[target + channel] = sample(ofSum: sum)
        }
      }
    }
    return try Image(size: target, channels: channels, pixels: resized)
  }

  private func columnsResized(to target: ImageSize, _ taps: ResamplingTaps) throws(ImageError) -> Image {
    let rowLength = width * channels
    var resized = [UInt8](repeating: 0, count: target.pixelCount * channels)
    var output = resized.mutableSpan
    // Of one row: the samples of each source row are added in turn, in the order that they lie in memory.
    var rowSums = [Int32](repeating: 0, count: rowLength)
    var sums = rowSums.mutableSpan
    let source = pixels.span
    for y in 0..<target.height {
      sums.update(repeating: roundingHalf)
      for tap in 0..<taps.counts[y] {
        let weight = taps.weights[y * taps.stride + tap]
        let first = (taps.starts[y] + tap) * rowLength
        let row = source.extracting(first..<first + rowLength)
        for position in row.indices { sums[position] &+= Int32(row[position]) &* weight }
      }
      for position in sums.indices { output[y * rowLength + position] = sample(ofSum: sums[position]) }
    }
    return try Image(size: target, channels: channels, pixels: resized)
  }

  private func resizedToNearest(_ target: ImageSize) throws(ImageError) -> Image {
    let columns = nearestPositions(from: width, to: target.width)
    let rows = nearestPositions(from: height, to: target.height)
    var resized = [UInt8]()
    resized.reserveCapacity(target.pixelCount * channels)
    for row in rows {
      for column in columns {
        let source = (row * width + column) * channels
        for channel in 0..<channels { resized.append(pixels[source + channel]) }
      }
    }
    return try Image(size: target, channels: channels, pixels: resized)
  }
}

/// Half of the last bit that stays, which turns cutting off into rounding.
private let roundingHalf: Int32 = 1 << (ResamplingTaps.fractionBits - 1)

private func sample(ofSum sum: Int32) -> UInt8 {
  UInt8(truncatingIfNeeded: min(max(sum >> ResamplingTaps.fractionBits, 0), 255))
}

/// The source position under the middle of each target position. The position is summed up step by step, as in Pillow,
/// whose rounding errors are part of the result.
private func nearestPositions(from sourceLength: Int, to length: Int) -> [Int] {
  let step = Double(sourceLength) / Double(length)
  var position = step * 0.5
  return (0..<length).map { _ in
    defer { position += step }
    return min(Int(position), sourceLength - 1)
  }
}
