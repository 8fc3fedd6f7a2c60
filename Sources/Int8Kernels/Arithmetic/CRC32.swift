import CKernels

/// The CRC-32 of IEEE 802.3 (zlib, PNG): polynomial 0x04C11DB7 reflected, all ones in, all ones out.
///
///     CRC32.checksum(of: Array("123456789".utf8).span.bytes)   // 0xCBF43926
///
/// Eight bytes at a time ("slicing by 8"): the remainder of a block is the exclusive-or of the remainders of its bytes,
/// each looked up in a table for its distance from the block's end. Where the processor multiplies without carries, all
/// but the last bytes are reduced to 16 first, by `vq_find_crc32_fold`.
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
    unsafe bytes.withUnsafeBytes { bytes in
      var first = 0
      if bytes.count >= Self.leastFolded, let fold = unsafe Self.fold, let base = bytes.baseAddress {
        first = bytes.count & ~63
        let rest = unsafe Self.folded(base, count: first, state: state, by: fold)
        state = unsafe rest.span.withUnsafeBytes { unsafe Self.continued(0, over: $0) }
      }
      state = unsafe Self.continued(state, over: UnsafeRawBufferPointer(rebasing: bytes[first...]))
    }
  }

  /// The checksum of one run of bytes.
  package static func checksum(of bytes: RawSpan) -> UInt32 {
    var checksum = CRC32()
    checksum.update(bytes)
    return checksum.value
  }

  /// The checksum by the definition alone, without special instructions.
  package static func portableChecksum(of bytes: RawSpan) -> UInt32 {
    unsafe bytes.withUnsafeBytes { unsafe ~continued(0xFFFF_FFFF, over: $0) }
  }

  /// The definition: the remainder of `state` followed by some bytes.
  @unsafe
  private static func continued(_ state: UInt32, over bytes: UnsafeRawBufferPointer) -> UInt32 {
    let tables = Self.tables.span
    var remainder = state
    let whole = bytes.count & ~7
    for offset in stride(from: 0, to: whole, by: 8) {
      let block = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let low = UInt32(truncatingIfNeeded: block) ^ remainder
      let high = UInt32(truncatingIfNeeded: block >> 32)
      remainder =
        tables[7 * 256 + Int(low & 0xFF)] ^ tables[6 * 256 + Int(low >> 8 & 0xFF)]
        ^ tables[5 * 256 + Int(low >> 16 & 0xFF)] ^ tables[4 * 256 + Int(low >> 24)]
      remainder ^=
        tables[3 * 256 + Int(high & 0xFF)] ^ tables[2 * 256 + Int(high >> 8 & 0xFF)]
        ^ tables[256 + Int(high >> 16 & 0xFF)] ^ tables[Int(high >> 24)]
    }
    for offset in whole..<bytes.count {
      unsafe remainder = (remainder >> 8) ^ tables[Int((remainder ^ UInt32(bytes[offset])) & 0xFF)]
    }
    return remainder
  }
}

// MARK: - Special instructions

extension CRC32 {
  private typealias Fold = @convention(c) (UnsafePointer<UInt8>, Int, UInt32, UnsafeMutablePointer<UInt8>) -> Void

  /// Fewer bytes are left to the definition.
  private static let leastFolded = 128

  /// What reduces many bytes to 16; nil where the processor has no instructions for it, or where they do not give what
  /// the definition gives.
  private static let fold: Fold? = {
    guard let fold = unsafe vq_find_crc32_fold() else { return nil }
    let state: UInt32 = 0x1234_5678
    let bytes = (0..<320).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ $0 &>> 3) }
    let isRight = unsafe bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return false }
      let rest = unsafe folded(base, count: bytes.count, state: state, by: fold)
      let found = unsafe rest.span.withUnsafeBytes { unsafe continued(0, over: $0) }
      return unsafe found == continued(state, over: bytes)
    }
    return unsafe isRight ? fold : nil
  }()

  @unsafe
  private static func folded(
    _ bytes: UnsafeRawPointer, count: Int, state: UInt32, by fold: Fold
  ) -> InlineArray<16, UInt8> {
    var rest = InlineArray<16, UInt8>(repeating: 0)
    var target = rest.mutableSpan
    unsafe target.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      unsafe fold(bytes.assumingMemoryBound(to: UInt8.self), count, state, target)
    }
    return rest
  }
}
