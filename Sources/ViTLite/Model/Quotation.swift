/// Text from a file, as a message quotes it: in quotation marks, at most 80 characters of it, without line breaks and
/// other control characters.
package struct Quotation: CustomStringConvertible {
  private static let longest = 80
  private let text: String

  package init(_ text: String) { self.text = text }

  package var description: String { "\"\(Self.shortened(text))\"" }

  /// The text itself where it is short, and its beginning otherwise.
  package static func shortened(_ text: String) -> String {
    var beginning = ""
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < longest else { return "\(beginning)... (\(text.utf8.count) bytes)" }
      let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
      beginning.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
      count += 1
    }
    return beginning
  }
}
