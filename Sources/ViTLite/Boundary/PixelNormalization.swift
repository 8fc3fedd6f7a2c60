/// What 8-bit pixels mean to a float model: `(pixel * rescaleFactor - mean) / standardDeviation` for each channel.
package struct PixelNormalization: Sendable {
  private struct Channel {
    var mean: Double
    var deviation: Double
  }

  private let rescaleFactor: Double
  private let channels: [Channel]

  /// The normalisation for a model with this many channels. A channel that the preprocessing does not name has the
  /// numbers of the last one that it does.
  ///
  /// - Parameter preprocessing: of the model; without one, pixels are only scaled to 0...1.
  package init(_ preprocessing: Preprocessing?, channels: Int) {
    let means = preprocessing?.mean ?? []
    let deviations = preprocessing?.standardDeviation ?? []
    rescaleFactor = preprocessing?.rescaleFactor ?? 1.0 / 255
    self.channels = (0..<max(channels, 0)).map { channel in
      Channel(
        mean: channel < means.count ? means[channel] : means.last ?? 0,
        deviation: channel < deviations.count ? deviations[channel] : deviations.last ?? 1)
    }
  }

  private func normalized(_ pixel: Double, _ channel: Channel) -> Float {
    Float((pixel * rescaleFactor - channel.mean) / channel.deviation)
  }

  /// Pixels as normalised values, in the same order.
  /// - Parameter pixels: `channels x height x width`.
  package func values(of pixels: [UInt8]) -> [Float] {
    let plane = pixels.count / max(channels.count, 1)
    var values = [Float](repeating: 0, count: pixels.count)
    for (index, channel) in channels.enumerated() {
      // The 256 values that a pixel can have.
      let levels = (0...255).map { normalized(Double($0), channel) }
      for position in index * plane..<(index + 1) * plane { values[position] = levels[Int(pixels[position])] }
    }
    return values
  }

  /// The same as a factor and an offset in single precision, which an int8 model takes into its first layer.
  package var mapping: PixelMapping {
    PixelMapping(
      scale: channels.map { Float(rescaleFactor / $0.deviation) }, offset: channels.map { normalized(0, $0) })
  }
}
