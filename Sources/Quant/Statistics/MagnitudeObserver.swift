import Int8Kernels
import ViTLite

/// The largest magnitude of values, and whether all are finite.
struct MagnitudeObserver: Sendable, Equatable {
  /// The bits of the largest magnitude: without the sign, floats and their bits have the same order, NaN beyond infinity.
  private var largest: UInt32 = 0

  init(magnitude: Float = 0) { largest = magnitude.magnitude.bitPattern }

  var magnitude: Float { Float(bitPattern: largest) }
  var isFinite: Bool { magnitude.isFinite }

  mutating func observe(_ values: Span<Float>) {
    unsafe values.withUnsafeBufferPointer { values in
      guard let start = values.baseAddress else { return }
      largest = unsafe max(largest, FloatRows.fastest.magnitude(start, values.count))
    }
  }

  mutating func merge(_ other: MagnitudeObserver) { largest = max(largest, other.largest) }
}
