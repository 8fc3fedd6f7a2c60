import Int8Kernels
import ViTLite

/// The range that a quantizer covers.
package struct ValueRange: Sendable, Equatable {
  package var low: Float
  package var high: Float

  package init(low: Float, high: Float) {
    self.low = low
    self.high = high
  }

  /// The range of values, 0 included.
  @unsafe init(of values: UnsafePointer<Float>, count: Int) {
    (low, high) = (0, 0)
    unsafe FloatRows.fastest.range(values, count, &low, &high)
  }

  /// The range with each end times its factor.
  package func scaled(low lowFactor: Float, high highFactor: Float) -> ValueRange {
    ValueRange(low: low * lowFactor, high: high * highFactor)
  }
}

/// Per-channel extremes and sums of rows of values.
///
/// Merging is exact for the extremes; the sums are in double precision.
package struct ChannelObserver: Sendable, Equatable {
  package private(set) var minimum: [Float]
  package private(set) var maximum: [Float]
  /// Sum of each channel's values.
  package private(set) var sum: [Double]
  /// Rows in the sums.
  package private(set) var rows = 0

  package init(channels: Int) {
    minimum = Array(repeating: .infinity, count: channels)
    maximum = Array(repeating: -.infinity, count: channels)
    sum = Array(repeating: 0, count: channels)
  }

  /// Takes rows of `channels` values in, row-major.
  ///
  /// - Parameter summing: false where only the extremes are needed: sums and means then leave these rows out.
  package mutating func observe(_ values: Span<Float>, summing: Bool = true) {
    let channels = minimum.count
    guard channels > 0 else { return }
    let count = values.count / channels
    unsafe values.withUnsafeBufferPointer { values in
      guard let start = values.baseAddress else { return }
      unsafe minimum.withUnsafeMutableBufferPointer { minimum in
        unsafe maximum.withUnsafeMutableBufferPointer { maximum in
          guard let least = minimum.baseAddress, let largest = maximum.baseAddress else { return }
          unsafe FloatRows.fastest.column_range(start, count, channels, least, largest)
        }
      }
      guard summing else { return }
      unsafe sum.withUnsafeMutableBufferPointer { sum in
        guard let sums = sum.baseAddress else { return }
        unsafe FloatRows.fastest.column_sums(start, count, channels, sums)
      }
    }
    if summing { rows += count }
  }

  package mutating func merge(_ other: ChannelObserver) {
    for channel in minimum.indices {
      minimum[channel] = min(minimum[channel], other.minimum[channel])
      maximum[channel] = max(maximum[channel], other.maximum[channel])
      sum[channel] += other.sum[channel]
    }
    rows += other.rows
  }

  /// Makes of each channel's values `(value - shift) * factor`, with factors above 0.
  mutating func move(_ change: (Int) -> (shift: Float, factor: Float)) {
    for channel in minimum.indices {
      let (shift, factor) = change(channel)
      minimum[channel] = (minimum[channel] - shift) * factor
      maximum[channel] = (maximum[channel] - shift) * factor
      sum[channel] = (sum[channel] - Double(rows) * Double(shift)) * Double(factor)
    }
  }

  /// Largest magnitude of each channel.
  package var magnitude: [Float] {
    zip(minimum, maximum).map { max(-$0, $1, 0) }
  }

  /// Middle of each channel's range; 0 where nothing was seen.
  package var center: [Float] {
    zip(minimum, maximum).map { $0 <= $1 ? ($0 + $1) / 2 : 0 }
  }

  /// Mean of each channel; 0 where nothing was seen.
  package var mean: [Float] {
    sum.map { rows > 0 ? Float($0 / Double(rows)) : 0 }
  }
}
