import Testing

@testable import ViTLite

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
}
