/// A number of bytes as the command line spells it.
enum ByteSize {
  static let valid = "a size such as 24M, 16MiB or 25000000"

  /// `25000000`, `24M` or `24MB` (millions), `16Mi` or `16MiB` (1,048,576); likewise `K`, `G`. Nil for anything else,
  /// also for sizes beyond 64 bits.
  static func parse(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits), let unit = multiplier(text.dropFirst(digits.count)) else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : bytes
  }

  private static func multiplier(_ suffix: Substring) -> Int? {
    switch suffix.lowercased() {
    case "", "b": 1
    case "k", "kb": 1_000
    case "m", "mb": 1_000_000
    case "g", "gb": 1_000_000_000
    case "ki", "kib": 1 << 10
    case "mi", "mib": 1 << 20
    case "gi", "gib": 1 << 30
    default: nil
    }
  }
}
