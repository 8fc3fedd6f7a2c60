import Int8Kernels
import ViTLite

/// Reading stored numbers as `Float`, from bytes at any alignment. All loops are plain so that they vectorise.
enum FloatConversion {
  /// The value of an IEEE 754 binary16 number, exactly.
  @inline(__always)
  static func float(fromHalf half: UInt16) -> Float {
    // As a Float with the same exponent bits, a half is 2^112 too small; the product also normalises subnormals.
    let magnitude = UInt32(half & 0x7FFF) << 13
    let scaled = Float(bitPattern: magnitude) * 0x1p112
    let isSpecial = magnitude >= 0x7C00 << 13
    let bits = isSpecial ? scaled.bitPattern | 0x7F80_0000 : scaled.bitPattern
    return Float(bitPattern: bits | UInt32(half & 0x8000) << 16)
  }

  /// Converts each element that `load` finds at a byte offset.
  @inline(__always)
  private static func convert<Stored: BitwiseCopyable>(
    _ bytes: RawSpan, as type: Stored.Type, _ value: (Stored) -> Float
  ) -> [Float] {
    let count = bytes.byteCount / MemoryLayout<Stored>.size
    return unsafe bytes.withUnsafeBytes { source in
      unsafe [Float](unsafeUninitializedCapacity: count) { target, initialized in
        for index in 0..<count {
          let stored = unsafe source.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.size, as: Stored.self)
          unsafe target[index] = value(stored)
        }
        initialized = count
      }
    }
  }

  /// The elements of a floating-point type as `Float`; nil for a type that is none.
  static func floats(_ bytes: RawSpan, type: SafetensorsType) -> [Float]? {
    switch type {
    case .float32: convert(bytes, as: UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .float16: convert(bytes, as: UInt16.self) { float(fromHalf: UInt16(littleEndian: $0)) }
    case .bfloat16: convert(bytes, as: UInt16.self) { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
    case .float64: convert(bytes, as: UInt64.self) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
    default: nil
    }
  }

  /// The index of the first NaN or infinity; nil when there is none.
  static func firstNotFinite(_ values: [Float]) -> Int? {
    // The largest magnitude as an integer: anything from infinity up has all exponent bits set.
    var largest: UInt32 = 0
    for value in values { largest = max(largest, value.bitPattern & 0x7FFF_FFFF) }
    return largest < 0x7F80_0000 ? nil : values.firstIndex { !$0.isFinite }
  }
}
