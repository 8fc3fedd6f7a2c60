extension RawSpan {
  /// The little-endian integer at a byte offset, aligned or not; nil where it would reach beyond the span.
  package func littleEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Integer.Type = Integer.self
  ) -> Integer? {
    // The subtraction cannot overflow: both sides are at least 0.
    guard offset >= 0, MemoryLayout<Integer>.size <= byteCount, offset <= byteCount - MemoryLayout<Integer>.size else {
      return nil
    }
    return unsafe Integer(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Integer.self))
  }

  /// The bytes of a range; nil where it is not inside the span.
  package func slice(_ range: Range<Int>) -> [UInt8]? {
    guard range.lowerBound >= 0, range.upperBound <= byteCount else { return nil }
    return extracting(range).copied()
  }

  /// A copy of all bytes.
  package func copied() -> [UInt8] {
    unsafe withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

/// Integers as little-endian bytes, the byte order of every file format of this package.
package enum LittleEndian {
  package static func bytes<Integer: FixedWidthInteger & BitwiseCopyable>(of values: [Integer]) -> [UInt8] {
    let size = MemoryLayout<Integer>.size
    return unsafe [UInt8](unsafeUninitializedCapacity: values.count * size) { target, initialized in
      let target = UnsafeMutableRawBufferPointer(target)
      for (index, value) in values.enumerated() {
        unsafe target.storeBytes(of: value.littleEndian, toByteOffset: index * size, as: Integer.self)
      }
      initialized = values.count * size
    }
  }
}
