import Testing

@testable import Int8Kernels

private func checksum(_ bytes: [UInt8]) -> UInt32 { unsafe CRC32.checksum(of: bytes.span.bytes) }

@Suite("CRC-32")
struct CRC32Tests {
  @Test("The checksum agrees with the check values of the standard")
  func checkValues() {
    #expect(checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(checksum([]) == 0)
    #expect(checksum([UInt8](repeating: 0xFF, count: 32)) == 0xFF6C_AB0B)
  }

  @Test("Pieces give the checksum of the whole")
  func pieces() {
    let bytes = (0..<100).map { UInt8($0 * 7 % 256) }
    let whole = checksum(bytes)
    for split in 0...bytes.count {
      var pieces = CRC32()
      let (first, second) = (Array(bytes[..<split]), Array(bytes[split...]))
      unsafe pieces.update(first.span.bytes)
      unsafe pieces.update(second.span.bytes)
      #expect(pieces.value == whole)
    }
  }

  /// Around the lengths at which the processor's instructions take over, at every alignment.
  @Test("The processor's instructions give the checksum of the definition")
  func instructions() {
    var generator = SplitMix64(seed: 11)
    let bytes = (0..<1500).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for length in Array(0...400) + [511, 512, 513, 1023, 1024, 1400] {
      for first in [0, 1, 3, 8, 15, 16, 63, 64] {
        let part = Array(bytes[first..<first + length])
        let expected = unsafe CRC32.portableChecksum(of: part.span.bytes)
        bytes.withUnsafeBytes { all in
          let place = UnsafeRawBufferPointer(rebasing: all[first..<first + length])
          #expect(unsafe CRC32.checksum(of: place.bytes) == expected, "\(length) bytes from \(first)")
        }
      }
    }
  }
}
