import ViTLite

/// What one image, or many, show at one point of the network.
package struct LayerMeasurement: Sendable, Equatable {
  package var comparison = Comparison()
  /// Outputs at the ends of their integer format.
  package var saturated = 0
  /// Inputs beyond the range that calibration gave them: a static range, that of 16 bits, or of values in attention.
  package var clipped = 0
  /// Inputs that were looked at.
  package var inputs = 0
  /// The largest input, as a multiple of the end of its range.
  package var excess = 0.0
  /// Sum of the squared distances of clipped inputs from the ends of their ranges, in steps of 1/255 of the range.
  package var clippingError = 0.0

  package init() {}

  /// Counts an input, and whether it is so far beyond a range of 255 steps that its level is another one.
  mutating func count(_ value: Float, in range: ClosedRange<Float>) {
    inputs += 1
    if range.contains(value) { return }
    let step = (range.upperBound - range.lowerBound) / 255
    let end = value > range.upperBound ? range.upperBound : range.lowerBound
    let distance = (value - end).magnitude
    guard distance > step / 2 else { return }
    clipped += 1
    excess = max(excess, Double((value / (end == 0 ? 1 : end)).magnitude))
    if step > 0 { clippingError += Double(distance / step) * Double(distance / step) }
  }

  package mutating func merge(_ other: LayerMeasurement) {
    comparison.merge(other.comparison)
    saturated += other.saturated
    clipped += other.clipped
    inputs += other.inputs
    excess = max(excess, other.excess)
    clippingError += other.clippingError
  }
}

/// What a layer reads, in the units in which it is quantized.
package struct InputStatistics: Sendable {
  package private(set) var values = HistogramObserver()
  package private(set) var channels: ChannelObserver
  /// Where each row has its own range: the mean of their ends.
  private var lowSum = 0.0
  private var highSum = 0.0

  init(channels: Int) { self.channels = ChannelObserver(channels: channels) }

  mutating func observe(_ rows: [Float], columns: Int) {
    values.observe(rows.span)
    channels.observe(rows.span)
    for start in stride(from: 0, to: rows.count, by: max(columns, 1)) {
      var (low, high) = (Float(0), Float(0))
      for index in start..<min(start + columns, rows.count) {
        low = min(low, rows[index])
        high = max(high, rows[index])
      }
      lowSum += Double(low)
      highSum += Double(high)
    }
  }

  mutating func merge(_ other: InputStatistics) {
    values.merge(other.values)
    channels.merge(other.channels)
    lowSum += other.lowSum
    highSum += other.highSum
  }

  /// The mean over the rows of their smallest and largest values.
  package var meanRange: ValueRange? {
    guard channels.rows > 0 else { return nil }
    return ValueRange(low: Float(lowSum / Double(channels.rows)), high: Float(highSum / Double(channels.rows)))
  }

  /// The channel with the largest magnitude, and how many times the median channel's that is.
  package var outlier: (channel: Int, ratio: Double)? {
    let magnitudes = channels.magnitude
    guard let channel = magnitudes.indices.max(by: { magnitudes[$0] < magnitudes[$1] }) else { return nil }
    let median = magnitudes.sorted()[magnitudes.count / 2]
    return median > 0 ? (channel, Double(magnitudes[channel] / median)) : nil
  }
}

/// What a layer does to one image when it alone is quantized.
package struct AloneMeasurement: Sendable {
  /// Its own output, with exact inputs.
  package var own = Comparison()
  /// The model's output, with everything after the layer in float again.
  package var output: Comparison?
  /// Share of the own error's energy that is the same for all tokens: a constant offset.
  package var offsetShare = 0.0
  package var input: InputStatistics?

  package init() {}
}
