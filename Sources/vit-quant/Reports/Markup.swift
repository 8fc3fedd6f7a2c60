/// Pieces of HTML.
enum Markup {
  static func escape(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Escaped, with options (`--keep`) that no line ends within.
  static func advice(_ text: String) -> String {
    text.split(separator: " ", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("--") ? "<span class=\"option\">\(escape(String($0)))</span>" : escape(String($0)) }
      .joined(separator: " ")
  }

  /// A cell of a table.
  struct Cell {
    var text: String
    var isNumber = false
    /// Another class of the cell.
    var style = ""

    static func text(_ text: String) -> Cell { Cell(text: text) }
    static func number(_ text: String, style: String = "") -> Cell { Cell(text: text, isNumber: true, style: style) }

    fileprivate var markup: String {
      let classes = [isNumber ? "number" : "", style].filter { !$0.isEmpty }.joined(separator: " ")
      return "<td\(classes.isEmpty ? "" : " class=\"\(classes)\"")>\(escape(text))</td>"
    }
  }

  /// A table that can be scrolled by itself where the page is narrow; the first cell of each row is its heading.
  static func table(
    _ caption: String, _ headings: [String], _ rows: [[Cell]], style: String = ""
  ) -> String {
    let head = headings.enumerated().map { index, heading -> String in
      if heading.isEmpty { return "<td></td>" }
      let isNumeric = rows.first.map { index < $0.count && $0[index].isNumber } ?? false
      return "<th scope=\"col\"\(isNumeric ? " class=\"number\"" : "")>\(escape(heading))</th>"
    }.joined()
    let body = rows.map { cells -> String in
      let first = cells.first.map { "<th scope=\"row\">\(escape($0.text))</th>" } ?? ""
      return "<tr>\(first)\(cells.dropFirst().map(\.markup).joined())</tr>"
    }
    let classes = style.isEmpty ? "" : " class=\"\(style)\""
    return scroll(
      caption,
      "<table\(classes)><caption>\(escape(caption))</caption><thead><tr>\(head)</tr></thead><tbody>\n"
        + body.joined(separator: "\n") + "\n</tbody></table>")
  }

  /// A part that may be wider than the page; it can be reached by the keyboard, so that it can be scrolled.
  static func scroll(_ label: String, _ content: String) -> String {
    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(escape(label))\">\(content)</div>"
  }

  /// A drawing with a title and a description for those who cannot see it.
  /// - Parameter widths: in pixels on the page; nil for all that there is.
  static func drawing(
    _ name: String, title: String, description: String, width: Double, height: Double,
    widths: ClosedRange<Double>? = nil, _ content: [String]
  ) -> String {
    func pixels(_ width: Double) -> String { "\(NumberText.fixed(width, 0))px" }
    let style =
      widths.map { " style=\"min-width:\(pixels($0.lowerBound));max-width:\(pixels($0.upperBound))\"" } ?? ""
    return "<svg viewBox=\"0 0 \(NumberText.fixed(width, 0)) \(NumberText.fixed(height, 0))\" role=\"img\" "
      + "aria-labelledby=\"\(name)-title \(name)-text\"\(style)>\n<title id=\"\(name)-title\">\(escape(title))</title>\n"
      + "<desc id=\"\(name)-text\">\(escape(description))</desc>\n\(content.joined(separator: "\n"))\n</svg>"
  }
}
