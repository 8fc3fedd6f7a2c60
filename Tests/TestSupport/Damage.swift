extension [UInt8] {
  /// These bytes with one of them replaced or with one of its bits changed, or with a few bytes removed or repeated.
  package func damaged(within range: Range<Int>, using generator: inout some RandomNumberGenerator) -> [UInt8] {
    var bytes = self
    let index = Int.random(in: range, using: &generator)
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
    case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 2: bytes.removeSubrange(index..<Swift.min(index + Int.random(in: 1...8, using: &generator), bytes.count))
    default:
      let end = Swift.min(index + Int.random(in: 1...16, using: &generator), bytes.count)
      bytes.insert(contentsOf: bytes[index..<end], at: Int.random(in: range, using: &generator))
    }
    return bytes
  }
}
