import Int8Kernels

extension SampleSet {
  /// What one sample becomes at most, itself included.
  private static let mostOfOne = 4

  /// The samples, each followed by variants of itself where the samples are few: parts of the image at the size of the
  /// whole, mirrored or not, in other light and other colors.
  ///
  /// What calibration fits to few images fits others worse. The variants show it more of what images can be, and cost
  /// no time when the model runs. Variants stand next to their sample, so that the two halves of a set have none of
  /// the same image. Values that are normalised already keep their light and colors, because what they mean is unknown.
  ///
  /// - Parameter wanted: sets with as many samples stay as they are.
  func withVariants(seed: UInt64, wanted: Int) -> SampleSet {
    let copies = min((wanted + count - 1) / max(count, 1), Self.mostOfOne)
    guard copies > 1 else { return self }
    var result = SampleSet(channels: channels, height: height, width: width, kind: kind, labelled: labels != nil)
    for index in 0..<count {
      let sample = self[index]
      _ = result.append(sample, label: labels?[index], name: names[index])
      var generator = SplitMix64(seed: seed &+ UInt64(index) &* 0x9E37_79B9)
      for copy in 1..<copies {
        let variant = SampleVariant(of: self, isMirrored: copy % 2 == 1, &generator)
        _ = result.append(variant.apply(to: sample), label: labels?[index], name: names[index])
      }
    }
    return result
  }
}

/// One way to make another image of an image.
private struct SampleVariant {
  private let channels: Int
  private let rows: Resampling
  private let columns: Resampling
  private let brightness: Float
  private let contrast: Float
  private let saturation: Float
  /// Which of the image's channels each of the variant's is.
  private let order: [Int]

  init(of set: SampleSet, isMirrored: Bool, _ generator: inout SplitMix64) {
    func draw(_ range: ClosedRange<Float>) -> Float {
      range.lowerBound + (range.upperBound - range.lowerBound) * Float(generator.next() >> 40) * 0x1p-24
    }
    channels = set.channels
    let size = draw(0.45...1)
    rows = Resampling(length: set.height, size: size, offset: draw(0...1), isMirrored: false)
    columns = Resampling(length: set.width, size: size, offset: draw(0...1), isMirrored: isMirrored)
    let changesLight = draw(0...1) < 0.7
    brightness = changesLight ? draw(0.6...1.5) : 1
    contrast = changesLight ? draw(0.6...1.4) : 1
    saturation = changesLight ? draw(0.3...1.8) : 1
    order = draw(0...1) < 0.3 ? (0..<set.channels).shuffled(using: &generator) : Array(0..<set.channels)
  }

  func apply(to sample: Sample) -> Sample {
    switch sample {
    case .values(let values): return .values(resampled(values))
    case .pixels(let pixels):
      var values = resampled(pixels.map { Float($0) })
      relight(&values)
      return .pixels(values.map { UInt8(min(max($0 + 0.5, 0), 255)) })
    }
  }

  /// A part of the image at the size of the whole, between its pixels linearly.
  private func resampled(_ values: [Float]) -> [Float] {
    let (height, width) = (rows.points.count, columns.points.count)
    var result: [Float] = []
    result.reserveCapacity(values.count)
    for channel in 0..<channels {
      for row in rows.points {
        let first = (channel * height + row.first) * width
        let second = (channel * height + row.second) * width
        for column in columns.points {
          let upper = column.between(values[first + column.first], values[first + column.second])
          let lower = column.between(values[second + column.first], values[second + column.second])
          result.append(row.between(upper, lower))
        }
      }
    }
    return result
  }

  private func relight(_ values: inout [Float]) {
    let plane = rows.points.count * columns.points.count
    let source = values
    let mean = source.reduce(0, +) / Float(max(source.count, 1))
    for position in 0..<plane {
      var gray: Float = 0
      for channel in 0..<channels { gray += source[channel * plane + position] }
      gray /= Float(channels)
      for channel in 0..<channels {
        let color = gray + (source[order[channel] * plane + position] - gray) * saturation
        values[channel * plane + position] = (mean + (color - mean) * contrast) * brightness
      }
    }
  }
}

/// Where along one axis the pixels of a part of an image lie.
private struct Resampling {
  struct Point {
    let first: Int
    let second: Int
    let fraction: Float

    func between(_ a: Float, _ b: Float) -> Float { a + (b - a) * fraction }
  }

  let points: [Point]

  /// - Parameters:
  ///   - size: of the part, relative to the whole.
  ///   - offset: where the part lies, from 0, at the start, to 1, at the end.
  init(length: Int, size: Float, offset: Float, isMirrored: Bool) {
    let start = Float(length) * (1 - size) * offset
    let points = (0..<length).map { index in
      let center = min(max(start + (Float(index) + 0.5) * size - 0.5, 0), Float(length - 1))
      let first = min(Int(center), length - 1)
      return Point(first: first, second: min(first + 1, length - 1), fraction: center - Float(first))
    }
    self.points = isMirrored ? points.reversed() : points
  }
}
