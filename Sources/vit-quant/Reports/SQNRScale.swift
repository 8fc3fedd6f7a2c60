/// A scale that says what a number of decibels means.
struct SQNRScale {
  private static let maximum = 60.0
  private let value: Double?

  init(_ value: Double?) { self.value = value }

  var html: String {
    guard let value else { return "" }
    let width = 400.0
    func x(_ decibels: Double) -> Double { 8 + (width - 16) * min(max(decibels / Self.maximum, 0), 1) }
    func n(_ number: Double) -> String { NumberText.fixed(number, 1) }
    var parts: [String] = []
    // Over the line that shows where this model is.
    var labels: [String] = []
    func band(_ from: Double, _ to: Double, _ style: String, _ label: String, row: Double) {
      parts.append(
        "<rect class=\"band\" x=\"\(n(x(from)))\" y=\"\(n(row))\" width=\"\(n(x(to) - x(from)))\" height=\"8\" style=\"fill:var(--\(style))\"/>"
      )
      labels.append(
        "<text class=\"over\" x=\"\(n((x(from) + x(to)) / 2))\" y=\"\(n(row - 4))\" text-anchor=\"middle\">\(label)</text>"
      )
    }
    band(9, 30, "h2", "other programs' int8", row: 42)
    band(40, 43, "h4", "bf16", row: 42)
    for tick in stride(from: 0.0, through: Self.maximum, by: 10) {
      parts.append("<line class=\"tick\" x1=\"\(n(x(tick)))\" x2=\"\(n(x(tick)))\" y1=\"42\" y2=\"56\"/>")
      parts.append("<text x=\"\(n(x(tick)))\" y=\"68\" text-anchor=\"middle\">\(n(tick).dropLast(2))</text>")
    }
    let here = x(value)
    let anchor = here > width - 60 ? "end" : here < 60 ? "start" : "middle"
    parts.append("<line class=\"here\" x1=\"\(n(here))\" x2=\"\(n(here))\" y1=\"18\" y2=\"56\"/>")
    parts.append(
      "<text class=\"ink\" x=\"\(n(here))\" y=\"13\" text-anchor=\"\(anchor)\">this model: \(n(value)) dB</text>")
    return "<figure>"
      + Markup.drawing(
        "scale", title: "SQNR of this model, \(n(value)) dB, on a scale",
        description: "Other programs' int8 models of real backbones have 9 to 30 dB, bf16 has 40 to 43 dB.",
        width: width, height: 74, parts + labels)
      + "<figcaption>Decibels of signal over noise. 10 dB more is a tenth of the noise energy; other programs' int8 on real "
      + "backbones gives 9 to 30 dB, bf16 40 to 43 dB.</figcaption></figure>"
  }
}
