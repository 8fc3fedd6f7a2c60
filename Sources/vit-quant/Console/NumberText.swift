/// Numbers as people read them.
enum NumberText {
  /// A fixed number of decimals; `-` for nil.
  static func fixed(_ value: Double?, _ decimals: Int) -> String {
    guard let value else { return "-" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    // Numbers too large for this are not shown to people.
    guard let scaled = Int(exactly: (value.magnitude * scale).rounded()) else { return "\(value)" }
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + padded }
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }

  /// As many decimals as it takes, none for a whole number.
  static func shortest(_ value: Double) -> String {
    Int(exactly: value).map { "\($0)" } ?? "\(value)"
  }

  /// Digits in groups of three: `86,415,592`.
  static func grouped(_ value: Int) -> String {
    var text = ""
    let digits = String(value.magnitude)
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return value < 0 ? "-" + text : text
  }

  /// `1.3 MB`, in powers of 1000.
  static func bytes(_ count: Int) -> String {
    if count < 1000 { return "\(count) B" }
    var value = Double(count)
    for unit in ["KB", "MB", "GB"] {
      value /= 1000
      if value < 999.5 || unit == "GB" { return fixed(value, value < 9.95 ? 2 : 1) + " " + unit }
    }
    return "\(count) B"
  }

  /// `90.28%` of a share from 0 to 1.
  static func percent(_ share: Double?, _ decimals: Int = 2) -> String {
    share.map { fixed(100 * $0, decimals) + "%" } ?? "-"
  }

  /// `4.6%`, `0.06%` or `0.0049%` of a share from 0 to 1: in a sentence, where a few are not to read as none.
  static func smallPercent(_ share: Double) -> String {
    if share > 0, share < 0.000001 { return "<0.0001%" }
    return percent(share, share == 0 ? 0 : share < 0.0001 ? 4 : share < 0.01 ? 2 : 1)
  }

  /// `1:05` or `42s`.
  static func duration(seconds: Double) -> String {
    guard let whole = Int(exactly: seconds.rounded()) else { return "-" }
    if whole < 60 { return "\(whole)s" }
    let (minutes, rest) = whole.quotientAndRemainder(dividingBy: 60)
    return "\(minutes):" + (rest < 10 ? "0" : "") + "\(rest)"
  }
}
