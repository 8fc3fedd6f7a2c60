import Int8Kernels
import Quant
import ViTLite

/// The drift report as one page that needs nothing else: no script, no network; light, dark and printed.
struct DriftPage {
  /// Disagreements beyond this many are in the JSON report only.
  private static let maximumDisagreements = 500

  private let report: DriftReport

  init(_ report: DriftReport) {
    self.report = report
  }

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Drift of \(Self.escape(report.integerPath))</title>
    <style>\(Self.style)</style>
    </head>
    <body>
    <main>
    <h1>What int8 costs</h1>
    <p class="verdict">\(verdict)</p>
    <p class="quiet">\(Self.escape(report.integerPath)) against \(Self.escape(report.floatPath)), on \
    \(NumberText.grouped(report.summary.samples)) images of \(Self.escape(report.dataPath)).</p>
    \(figures)
    \(layers)
    \(disagreements)
    </main>
    </body>
    </html>

    """
  }

  /// The answer in a sentence or two.
  private var verdict: String {
    let summary = report.summary
    var sentences: [String] = []
    if let agreement = summary.agreement {
      sentences.append("Both models give the same answer on <b>\(NumberText.percent(agreement))</b> of the images.")
    }
    if let reference = summary.referenceTop1, let quantized = summary.quantizedTop1, let drop = summary.top1Drop {
      let interval = summary.top1DropInterval.map {
        ", with 95% confidence between \(NumberText.fixed($0.lowerBound, 2)) and \(NumberText.fixed($0.upperBound, 2))"
      }
      sentences.append(
        "Accuracy goes from \(NumberText.percent(reference)) to \(NumberText.percent(quantized)): "
          + "a drop of <b>\(NumberText.fixed(drop, 2)) points</b>\(interval ?? "").")
    }
    if let sqnr = summary.logitSQNR ?? summary.tokenSQNR {
      let what = summary.logitSQNR == nil ? "final tokens" : "logits"
      sentences.append(
        "The signal in the \(what) is <b>\(NumberText.fixed(sqnr, 1)) dB</b> above the noise of quantization.")
    }
    return sentences.joined(separator: " ")
  }

  private var figures: String {
    var rows = ReportFigures.summary.compactMap { figure in
      figure.textWithUnit(of: report.summary).map {
        Self.row([figure.title, $0, figure.explanation], numbers: [1])
      }
    }
    rows.append(Self.row(["Weights, fp32", NumberText.bytes(report.floatBytes), "in memory"], numbers: [1]))
    rows.append(
      Self.row(["Model file, int8", NumberText.bytes(report.integerBytes), "on disk, used in place"], numbers: [1]))
    return "<h2>Numbers</h2>\n" + Self.table(["", "", "What it is"], rows)
  }

  private var layers: String {
    let figures = ReportFigures.layer
    let rows = report.summary.layers.map { layer in
      Self.row([layer.name] + figures.map { $0.text(of: layer) }, numbers: Set(1...figures.count))
    }
    let headings = ["Layer"] + figures.map { $0.heading(isShort: false) }
    let explanations = figures.filter { !$0.explanation.isEmpty }.map { "\($0.title): \($0.explanation)." }
    return """
      <h2>Where it enters</h2>
      <p>The residual stream after each block of the int8 model, against fp32. Noise adds up from left to right; a step
      down marks the block that brings the most.</p>
      \(SQNRChart(report.summary.layers).svg)
      \(Self.table(headings, rows))
      <p class="quiet">\(Self.escape(explanations.joined(separator: " ")))</p>
      """
  }

  private var disagreements: String {
    let all = report.summary.disagreements
    guard report.summary.agreement != nil else { return "" }
    guard !all.isEmpty else { return "<h2>Where they disagree</h2>\n<p>On no image.</p>" }
    let rows = all.prefix(Self.maximumDisagreements).map { entry in
      let label = entry.label.map { report.classes[$0] } ?? "-"
      return Self.row([
        entry.input, label, report.classes[entry.reference], report.classes[entry.quantized],
      ])
    }
    let rest = all.count - rows.count
    let note = rest > 0 ? "<p class=\"quiet\">and \(NumberText.grouped(rest)) more, listed in the JSON report</p>" : ""
    return "<h2>Where they disagree</h2>\n<p>\(NumberText.grouped(all.count)) images.</p>\n"
      + Self.table(["Image", "Label", "fp32", "int8"], rows) + note
  }

  // MARK: Markup

  private static func table(_ headings: [String], _ rows: [String]) -> String {
    let head = headings.map { "<th>\(escape($0))</th>" }.joined()
    return "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead><tbody>\n"
      + rows.joined(separator: "\n") + "\n</tbody></table></div>"
  }

  private static func row(_ cells: [String], numbers: Set<Int> = []) -> String {
    let markup = cells.enumerated().map { index, cell in
      numbers.contains(index) ? "<td class=\"number\">\(escape(cell))</td>" : "<td>\(escape(cell))</td>"
    }
    return "<tr>\(markup.joined())</tr>"
  }

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

  private static let style = """

    :root { color-scheme: light dark; --ink: #1b1d21; --paper: #fff; --quiet: #5d6470; --line: #d8dce3; --bar: #2f6fb0; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e8eaee; --paper: #16181c; --quiet: #9aa2af; --line: #353a43; --bar: #6aa6e4; }
    }
    body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    main { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
    h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
    .verdict { font-size: 1.15rem; }
    .quiet { color: var(--quiet); font-size: .9rem; overflow-wrap: anywhere; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: .92rem; }
    th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
    th { color: var(--quiet); font-weight: 600; }
    .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
    svg { width: 100%; height: auto; margin: .5rem 0; }
    svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
    svg rect { fill: var(--bar); }
    svg line { stroke: var(--line); }
    @media print { main { max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; } }

    """
}

/// The SQNR of each layer as bars, with a title on each for pointers and screen readers.
private struct SQNRChart {
  private static let width = 800.0
  private static let height = 260.0
  private static let left = 40.0
  private static let bottom = 64.0
  private static let top = 12.0

  private let layers: [(name: String, value: Double)]
  /// The top of the scale, a multiple of 10 dB.
  private let maximum: Double

  init(_ layers: [DriftSummary.Layer]) {
    self.layers = layers.compactMap { layer in layer.sqnrDecibels.map { (layer.name, $0) } }
    let largest = self.layers.map(\.value).max() ?? 10
    maximum = max(10, (largest / 10).rounded(.up) * 10)
  }

  private func y(_ value: Double) -> Double {
    Self.top + (Self.height - Self.top - Self.bottom) * (1 - min(max(value / maximum, 0), 1))
  }

  var svg: String {
    guard !layers.isEmpty else { return "" }
    var parts: [String] = []
    let step = maximum > 60 ? 20.0 : 10.0
    for tick in stride(from: 0, through: maximum, by: step) {
      let y = NumberText.fixed(y(tick), 1)
      parts.append("<line x1=\"\(Self.left)\" x2=\"\(Self.width)\" y1=\"\(y)\" y2=\"\(y)\"/>")
      parts.append(
        "<text x=\"\(Self.left - 6)\" y=\"\(y)\" text-anchor=\"end\" dy=\"4\">\(NumberText.fixed(tick, 0))</text>")
    }
    let slot = (Self.width - Self.left) / Double(layers.count)
    for (index, layer) in layers.enumerated() {
      let x = Self.left + slot * Double(index)
      let top = y(layer.value)
      let label = "\(DriftPage.escape(layer.name)): \(NumberText.fixed(layer.value, 2)) dB"
      parts.append(
        "<rect x=\"\(NumberText.fixed(x + slot * 0.15, 1))\" y=\"\(NumberText.fixed(top, 1))\" "
          + "width=\"\(NumberText.fixed(slot * 0.7, 1))\" height=\"\(NumberText.fixed(y(0) - top, 1))\">"
          + "<title>\(label)</title></rect>")
      let center = NumberText.fixed(x + slot / 2, 1)
      let baseline = NumberText.fixed(y(0) + 12, 1)
      parts.append(
        "<text x=\"\(center)\" y=\"\(baseline)\" text-anchor=\"end\" "
          + "transform=\"rotate(-35 \(center) \(baseline))\">\(DriftPage.escape(layer.name))</text>")
    }
    return "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" "
      + "aria-label=\"SQNR in decibels by layer\">\n\(parts.joined(separator: "\n"))\n</svg>"
  }
}
