/// The order in which people number files: `img2` before `img10`. By the names' bytes otherwise, so that it is the same
/// everywhere.
enum NaturalOrder {
  static func areInOrder(_ a: String, _ b: String) -> Bool {
    let (first, second) = (Array(a.utf8), Array(b.utf8))
    var (i, j) = (0, 0)
    while i < first.count, j < second.count {
      if isDigit(first[i]), isDigit(second[j]) {
        let (x, y) = (number(in: first, at: &i), number(in: second, at: &j))
        if x.count != y.count { return x.count < y.count }
        if !x.elementsEqual(y) { return x.lexicographicallyPrecedes(y) }
      } else if first[i] != second[j] {
        return first[i] < second[j]
      } else {
        (i, j) = (i + 1, j + 1)
      }
    }
    let isEqual = i == first.count && j == second.count
    // Names that differ in leading zeros only.
    return isEqual ? first.lexicographicallyPrecedes(second) : i == first.count
  }

  /// The digits from `index` on, without zeros before them; moves the index behind them.
  private static func number(in bytes: [UInt8], at index: inout Int) -> ArraySlice<UInt8> {
    let start = index
    while index < bytes.count, isDigit(bytes[index]) { index += 1 }
    return bytes[start..<index].drop { $0 == UInt8(ascii: "0") }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
