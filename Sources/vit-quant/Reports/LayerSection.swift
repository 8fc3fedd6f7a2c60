import Int8Kernels
import LibC
import Quant
import ViTLite

/// Where the drift enters: layer by layer, block by block, and the worst layers' distributions.
struct LayerSection {
  private static let distributions = 3

  private let report: DriftReport
  private var layers: [LayerSummary] { report.summary.layers }

  init(_ report: DriftReport) { self.report = report }

  var html: String {
    """
    <h2>Where it enters</h2>
    <p>Bars: everything up to this point in int8, against fp32; noise adds up from left to right. \(aloneText)</p>
    \(Markup.scroll("Chart of the layers", LayerChart(layers).svg))
    \(strip)
    <h3>The layers that cause most noise</h3>
    \(distributions)
    <h3>Every layer</h3>
    \(table)
    """
  }

  private var aloneText: String {
    let count = report.layerSamples
    return "Dots: this layer alone in int8 and the rest in fp32, at the model's output, on \(count) "
      + "image\(count == 1 ? "" : "s"): what is low there does the harm."
  }

  // MARK: Heat strip

  /// Rows for the parts of a block, columns for the blocks.
  private var strip: String {
    let parts = ["attn_qkv", "attn", "attn_out", "ffn_up", "ffn_down"]
    // With the one that pools by attention.
    let depth = report.model.configuration.blockCount
    guard depth > 0 else { return "" }
    let byName = Dictionary(layers.map { ($0.name, $0) }) { first, _ in first }
    let rows = parts.map { part -> [Markup.Cell] in
      [.text(part)]
        + (0..<depth).map { block in
          Self.cell(byName[ModelKey.block(block, part)]?.alone?.outputDecibels)
        }
    }
    let accumulated =
      [Markup.Cell.text("leaving the block")] + (0..<depth).map { Self.cell(byName[ModelKey.block($0)]?.sqnrDecibels) }
    let key = ["below 10", "10 to 20", "20 to 30", "30 to 40", "40 to 50", "50 and more"].enumerated().map {
      "<li><span class=\"h\($0.offset)\">\($0.element)</span></li>"
    }.joined()
    return
      "<h3>Blocks by layers</h3>\n<p>Decibels at the model's output with this layer alone in int8; in the last row, of "
      + "what leaves the block with everything in int8.</p>\n"
      + Markup.table(
        "SQNR in dB, layers by blocks", ["Block"] + (0..<depth).map { "\($0)" }, rows + [accumulated], style: "strip")
      + "\n<ul class=\"key\" aria-label=\"Colors, in dB\">\(key)</ul>"
  }

  private static func cell(_ decibels: Double?) -> Markup.Cell {
    guard let decibels else { return .number("-") }
    let level = min(max(Int((decibels / 10).rounded(.down)), 0), 5)
    return .number(NumberText.fixed(decibels, 0), style: "h\(level)")
  }

  // MARK: Distributions

  private var distributions: String {
    let worst = report.worstLayers.filter { $0.point.layer != nil }.prefix(Self.distributions)
    if worst.isEmpty { return "<p>Layers were not measured one by one.</p>" }
    return worst.enumerated().map { index, layer in
      let share = layer.alone?.noiseShare.map { NumberText.percent($0, 0) } ?? "-"
      return "<h4>\(Markup.escape(layer.name)): \(share) of the noise</h4>\n<div class=\"pair\">"
        + weights(layer, "weights-\(index)") + inputs(layer, "inputs-\(index)") + "</div>"
    }.joined(separator: "\n")
  }

  private func weights(_ layer: LayerSummary, _ name: String) -> String {
    guard let layerName = layer.point.layer, let numbers = report.model.numbers(of: layerName) else { return "" }
    var counts = [UInt64](repeating: 0, count: 64)
    var ends = 0
    let end: Float = numbers.isWide ? 32767 : 127
    for level in numbers.levels {
      counts[min(max(Int((level / (end + 1) + 1) * 32), 0), 63)] += 1
      if level.magnitude >= end { ends += 1 }
    }
    let share = NumberText.percent(Double(ends) / Double(max(numbers.levels.count, 1)))
    let text =
      "Weights of \(layer.name) as levels, \(Int(-end)) to \(Int(end)); \(share) are at the ends: the largest of each channel, and what is clipped."
    return Distribution(
      name: name, title: text, low: Double(-end - 1), high: Double(end + 1), counts: counts,
      marks: [Double(-end), Double(end)]
    ).html
  }

  private func inputs(_ layer: LayerSummary, _ name: String) -> String {
    guard let layerName = layer.point.layer else { return "" }
    if layerName == .patchEmbedding {
      return "<p class=\"quiet\">\(Markup.escape(layer.name)) reads pixels, which have 8 bits as they are.</p>"
    }
    guard let input = layer.alone?.input else { return "" }
    let values = input.values
    var text = "What \(layer.name) reads, in the integers that are quantized"
    var marks: [Double] = []
    if let range = report.model.inputRange(of: layerName) {
      marks = [Double(range.lowerBound), Double(range.upperBound)]
      text += "; dashed: the static range, beyond which \(NumberText.smallPercent(layer.clipped ?? 0)) are clipped."
    } else {
      marks = input.meanRange.map { [Double($0.low), Double($0.high)] } ?? []
      text += "; each token has its own range; dashed: the mean of these."
    }
    if let outlier = input.outlier {
      text += " The largest channel, \(outlier.channel), is \(NumberText.fixed(outlier.ratio, 1)) times the median one."
    }
    return Distribution(
      name: name, title: text, low: Double(values.minimum), high: Double(values.maximum),
      counts: values.coarse(bins: 64), marks: marks
    ).html
  }

  // MARK: Table

  private var table: String {
    let figures = ReportFigures.layer
    let rows = layers.map { layer -> [Markup.Cell] in
      [.text(layer.name)] + figures.map { .number($0.text(of: layer)) }
    }
    let explanations = figures.filter { !$0.explanation.isEmpty }.map { "\($0.title): \($0.explanation)." }
    let headings = ["Layer"] + figures.map { $0.heading(isShort: false) }
    return Markup.table("Of decibels, more is better", headings, rows)
      + "\n<p class=\"quiet\">\(Markup.escape(explanations.joined(separator: " ")))</p>"
  }
}

/// A histogram with marks.
private struct Distribution {
  let name: String
  let title: String
  let low: Double
  let high: Double
  let counts: [UInt64]
  let marks: [Double]

  private static let width = 360.0
  private static let height = 120.0

  var html: String {
    guard let largest = counts.max(), largest > 0 else { return "" }
    // Room for marks beyond what was seen, but not so much that nothing else can be seen.
    let span = max(high - low, 1e-9)
    let left = max(min(low, marks.min() ?? low), low - span)
    let right = min(max(high, marks.max() ?? high), high + span)
    func x(_ value: Double) -> Double { 4 + (Self.width - 8) * (value - left) / max(right - left, 1e-9) }
    func n(_ number: Double) -> String { NumberText.fixed(number, 1) }
    let bottom = Self.height - 18
    var parts: [String] = []
    for (index, count) in counts.enumerated() where count > 0 {
      // Logarithmic, so that few far values can be seen.
      let share = log(1 + Double(count)) / log(1 + Double(largest))
      let (from, to) = (
        x(low + span * Double(index) / Double(counts.count)), x(low + span * Double(index + 1) / Double(counts.count))
      )
      let top = bottom - share * (bottom - 6)
      parts.append(
        "<rect class=\"bar\" x=\"\(n(from))\" y=\"\(n(top))\" width=\"\(n(max(to - from - 0.5, 0.6)))\" height=\"\(n(bottom - top))\"/>"
      )
    }
    for mark in marks where mark >= left && mark <= right {
      for style in ["rim", "mark"] {
        parts.append(
          "<line class=\"\(style)\" x1=\"\(n(x(mark)))\" x2=\"\(n(x(mark)))\" y1=\"2\" y2=\"\(n(bottom))\"/>")
      }
    }
    parts.append("<line class=\"grid\" x1=\"4\" x2=\"\(n(Self.width - 4))\" y1=\"\(n(bottom))\" y2=\"\(n(bottom))\"/>")
    parts.append("<text x=\"4\" y=\"\(n(Self.height - 4))\">\(NumberText.fixed(left, 0))</text>")
    parts.append(
      "<text x=\"\(n(Self.width - 4))\" y=\"\(n(Self.height - 4))\" text-anchor=\"end\">\(NumberText.fixed(right, 0))</text>"
    )
    let description =
      "A histogram of logarithmic height from \(NumberText.fixed(low, 0)) to \(NumberText.fixed(high, 0))."
    return "<figure>"
      + Markup.drawing(
        name, title: title, description: description, width: Self.width, height: Self.height, parts)
      + "<figcaption>\(Markup.escape(title))</figcaption></figure>"
  }
}

/// Both series of the layers: bars and dots, with a title on each for pointers and screen readers. Charts of few layers
/// do not grow over the whole page.
private struct LayerChart {
  private static let slot = 17.0
  private static let left = 34.0
  private static let plot = 210.0
  private static let top = 10.0

  private let layers: [LayerSummary]
  /// The top of the scale, a multiple of 10 dB.
  private let maximum: Double
  /// Room for the names, which are not cut.
  private let bottom: Double

  init(_ layers: [LayerSummary]) {
    self.layers = layers
    let largest = layers.flatMap { [$0.sqnrDecibels ?? 0, min($0.alone?.outputDecibels ?? 0, 120)] }.max() ?? 10
    maximum = max(10, (min(largest, 120) / 10).rounded(.up) * 10)
    bottom = Double(layers.map(\.name.count).max() ?? 0) * 6.5 + 14
  }

  private func y(_ value: Double) -> Double { Self.top + Self.plot * (1 - min(max(value / maximum, 0), 1)) }

  var svg: String {
    let width = max(Self.left + Self.slot * Double(layers.count) + 4, 320)
    func n(_ number: Double) -> String { NumberText.fixed(number, 1) }
    var parts: [String] = []
    for tick in stride(from: 0, through: maximum, by: maximum > 60 ? 20 : 10) {
      parts.append(
        "<line class=\"grid\" x1=\"\(n(Self.left))\" x2=\"\(n(width))\" y1=\"\(n(y(tick)))\" y2=\"\(n(y(tick)))\"/>")
      parts.append(
        "<text x=\"\(n(Self.left - 5))\" y=\"\(n(y(tick) + 4))\" text-anchor=\"end\">\(NumberText.fixed(tick, 0))</text>"
      )
    }
    for (index, layer) in layers.enumerated() {
      let x = Self.left + Self.slot * Double(index)
      let center = x + Self.slot / 2
      let name = Markup.escape(layer.name)
      if let value = layer.sqnrDecibels {
        parts.append(
          "<rect class=\"bar\" x=\"\(n(x + 3))\" y=\"\(n(y(value)))\" width=\"\(n(Self.slot - 6))\" "
            + "height=\"\(n(y(0) - y(value)))\"><title>\(name), accumulated: \(NumberText.fixed(value, 2)) dB</title></rect>"
        )
      }
      if let value = layer.alone?.outputDecibels {
        parts.append(
          "<circle class=\"dot\" cx=\"\(n(center))\" cy=\"\(n(y(value)))\" r=\"4\"><title>\(name), alone: "
            + "\(NumberText.fixed(value, 2)) dB</title></circle>")
      }
      let baseline = y(0) + 8
      parts.append(
        "<text x=\"\(n(center + 4))\" y=\"\(n(baseline))\" text-anchor=\"end\" "
          + "transform=\"rotate(-90 \(n(center + 4)) \(n(baseline)))\">\(name)</text>")
    }
    let worst = layers.filter { $0.alone?.outputDecibels != nil }
      .min { ($0.alone?.outputDecibels ?? 0) < ($1.alone?.outputDecibels ?? 0) }
    let lowest = worst.map { "Alone, \($0.name) is lowest with \(NumberText.fixed($0.alone?.outputDecibels, 1)) dB." }
    return Markup.drawing(
      "layers", title: "SQNR in decibels by layer: accumulated as bars, each layer alone as dots",
      description: "\(lowest ?? "") The table \"Every layer\" has all numbers.", width: width,
      height: Self.top + Self.plot + bottom, widths: width...max(width * 1.25, 480), parts)
  }
}
