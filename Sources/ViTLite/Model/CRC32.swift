/// The CRC-32 of IEEE 802.3 (zlib, PNG): polynomial 0x04C11DB7 reflected, all ones in, all ones out.
///
///     CRC32.checksum(of: Array("123456789".utf8).span.bytes)   // 0xCBF43926
///
/// Eight bytes at a time ("slicing by 8"): the remainder of a block is the exclusive-or of the remainders of its bytes,
/// each looked up in a table for its distance from the block's end.
package struct CRC32: Sendable {
  /// The remainder so far, before the final complement.
  private var state: UInt32 = 0xFFFF_FFFF

  package init() {}

  /// The checksum of the bytes so far.
  package var value: UInt32 { ~state }

  /// Table `t` of 256 at `256 t`: remainders of one byte followed by `t` zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var remainder = UInt32(byte)
      for _ in 0..<8 { remainder = (remainder >> 1) ^ (remainder & 1 == 0 ? 0 : 0xEDB8_8320) }
      tables[byte] = remainder
    }
    for index in 256..<8 * 256 {
      let previous = tables[index - 256]
      tables[index] = (previous >> 8) ^ tables[Int(previous & 0xFF)]
    }
    return tables
  }()

  /// Continues the checksum over `bytes`.
  package mutating func update(_ bytes: RawSpan) {
    let tables = Self.tables.span
    var remainder = state
    var offset = 0
    while let block = bytes.littleEndian(at: offset, as: UInt64.self) {
      let low = UInt32(truncatingIfNeeded: block) ^ remainder
      let high = UInt32(truncatingIfNeeded: block >> 32)
      remainder =
        tables[7 * 256 + Int(low & 0xFF)] ^ tables[6 * 256 + Int(low >> 8 & 0xFF)]
        ^ tables[5 * 256 + Int(low >> 16 & 0xFF)] ^ tables[4 * 256 + Int(low >> 24)]
      remainder ^=
        tables[3 * 256 + Int(high & 0xFF)] ^ tables[2 * 256 + Int(high >> 8 & 0xFF)]
        ^ tables[256 + Int(high >> 16 & 0xFF)] ^ tables[Int(high >> 24)]
      offset += 8
    }
    while let byte = bytes.littleEndian(at: offset, as: UInt8.self) {
      remainder = (remainder >> 8) ^ tables[Int((remainder ^ UInt32(byte)) & 0xFF)]
      offset += 1
    }
    state = remainder
  }

  /// The checksum of one run of bytes.
  package static func checksum(of bytes: RawSpan) -> UInt32 {
    var checksum = CRC32()
    checksum.update(bytes)
    return checksum.value
  }
}
