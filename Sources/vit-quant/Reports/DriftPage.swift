import Int8Kernels
import Quant
import ViTLite

/// The drift report as one page that needs nothing else: no script, no network; light, dark and printed.
struct DriftPage {
  /// Disagreements beyond this many are in the JSON report only.
  private static let maximumDisagreements = 500
  /// Images whose neighbours changed that are shown.
  static let neighbourChanges = 6
  /// Causes on the first screen.
  private static let maximumCauses = 4

  let report: DriftReport
  /// What a gate or a baseline said; empty where there was none.
  private let results: [GateResult]

  init(_ report: DriftReport, results: [GateResult] = []) {
    self.report = report
    self.results = results
  }

  private var summary: DriftSummary { report.summary }

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(Self.escape(report.verdict.level.rawValue)): drift of \(Self.escape(report.origin.integerPath))</title>
    <style>\(PageStyle.css)</style>
    </head>
    <body>
    <main>
    <h1>What int8 costs</h1>
    \(verdict)
    <div class="top">
    <div>
    \(why)
    </div>
    <div>
    \(card)
    </div>
    </div>
    \(gates)
    \(LayerSection(report).html)
    \(ImageSection(report).html)
    \(classes)
    \(numbers)
    \(disagreements)
    </main>
    \(footer)
    </body>
    </html>

    """
  }

  static func escape(_ text: String) -> String { Markup.escape(text) }

  // MARK: First screen

  private var verdict: String {
    let verdict = report.verdict
    let items = verdict.criteria.map { criterion in
      "<li class=\"\(criterion.level.rawValue)\"><b>\(criterion.title): \(criterion.level.rawValue).</b> "
        + "\(Self.escape(criterion.finding)) <span class=\"quiet\">(\(Self.escape(criterion.limits)))</span></li>"
    }
    let level = verdict.level.rawValue
    return """
      <div class="verdict \(level)">
      <p><strong>\(level.prefix(1).uppercased() + level.dropFirst())</strong>: \(verdict.level.words).</p>
      <p class="quiet names">\(Self.escape(report.origin.integerPath)) against \
      \(Self.escape(report.origin.floatPath)), on \(NumberText.grouped(summary.samples)) images of \
      \(Self.escape(report.origin.dataPath)).\(calibrationNote)</p>
      <ul>\(items.joined(separator: "\n"))</ul>
      </div>
      """
  }

  private var calibrationNote: String {
    let count = report.calibrationImages
    guard count > 0 else { return "" }
    let which = count == summary.samples ? "All of them are" : "\(NumberText.grouped(count)) of them are"
    return " <b>\(which) images that the model was calibrated on</b>, so that other images may drift more."
  }

  private var why: String {
    let causes = report.causes.prefix(Self.maximumCauses).map { cause in
      "<li>\(Self.escape(cause.finding)) <span class=\"quiet\">\(Markup.advice(cause.advice))</span></li>"
    }
    let hasReason = report.causes.contains { $0.weight != .ordinary }
    let title = hasReason ? "Why" : "Where the noise comes from"
    if causes.isEmpty { return "<h2>\(title)</h2>\n<p>No layer stands out.</p>" }
    return "<section class=\"why\"><h2>\(title)</h2>\n<ol>\(causes.joined(separator: "\n"))</ol></section>"
  }

  private var card: String {
    var rows: [[Markup.Cell]] = []
    func add(_ title: String, _ float: String?, _ integer: String?) {
      guard float != nil || integer != nil else { return }
      rows.append([.text(title), .number(float ?? ""), .number(integer ?? "")])
    }
    if summary.labelled > 0 {
      add("Top-1", NumberText.percent(summary.referenceTop1), NumberText.percent(summary.quantizedTop1))
      add("Top-5", NumberText.percent(summary.referenceTop5), NumberText.percent(summary.quantizedTop5))
    }
    add("Size", NumberText.bytes(report.origin.floatBytes), NumberText.bytes(report.origin.integerBytes))
    if let performance = report.performance {
      func milliseconds(_ value: Double) -> String { NumberText.fixed(value, value < 10 ? 2 : 1) + " ms" }
      add(
        "Latency, 1 thread", milliseconds(performance.floatMilliseconds), milliseconds(performance.integerMilliseconds))
      add(
        "Weights and buffers", NumberText.bytes(performance.floatMemory), NumberText.bytes(performance.integerMemory))
    }
    add("Same answer", nil, summary.agreement.map { NumberText.percent($0) })
    add("Pooled cosine", nil, summary.pooledCosine.map { NumberText.fixed($0, 4) })
    add("Same nearest neighbour", nil, summary.neighbourAgreement.map { NumberText.percent($0, 1) })
    add("Same five nearest", nil, summary.neighbourOverlap5.map { NumberText.percent($0, 1) })
    add("SQNR", nil, summary.outputSQNR.map { NumberText.fixed($0, 1) + " dB" })
    return "<h2>Side by side</h2>\n"
      + Markup.table("Both models on this machine", ["", "fp32", "int8"], rows, style: "card")
      + "\n" + SQNRScale(summary.outputSQNR).html
  }

  private var gates: String {
    guard !results.isEmpty else { return "" }
    let failed = results.compactMap(\.failure)
    if failed.isEmpty {
      return "<h2>Gates</h2>\n<p>All \(results.count) passed.</p>"
    }
    let items = failed.map { "<li>\(Self.escape($0))</li>" }.joined(separator: "\n")
    return "<h2>Gates</h2>\n<p>\(failed.count) of \(results.count) failed:</p>\n<ul>\(items)</ul>"
  }

  // MARK: Tables

  private var classes: String {
    let entries = report.classDrifts
    guard !entries.isEmpty else { return "" }
    let rows = entries.sorted { ($0.drift.drop ?? 0, $1.index) > ($1.drift.drop ?? 0, $0.index) }.map {
      entry -> [Markup.Cell] in
      let confusions = entry.drift.confusions.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(3)
        .map { "\(report.classes[$0.key]) \($0.value)" }.joined(separator: ", ")
      return [.text(report.classes[entry.index])]
        + ReportFigures.classes.map { .number($0.text(of: entry.drift)) }
        + [.number("\(entry.drift.lost)"), .number("\(entry.drift.won)"), .text(confusions)]
    }
    let headings =
      ["Class"] + ReportFigures.classes.map { $0.heading(isShort: false) }
      + ["Only fp32 right", "Only int8 right", "int8 says instead"]
    return "<h2>Class by class</h2>\n<p>The largest drop first. Classes with few images swing widely by chance.</p>\n"
      + Markup.table("Accuracy of each class", headings, rows)
  }

  private var numbers: String {
    let rows = ReportFigures.summary.compactMap { figure in
      figure.textWithUnit(of: summary).map { text -> [Markup.Cell] in
        [
          .text(figure.title), .number(text), .number(figure.intervalText(of: summary) ?? ""),
          .text(figure.explanation),
        ]
      }
    }
    return "<h2>All numbers</h2>\n"
      + Markup.table("Over all images", ["", "Value", "95% interval", "What it is"], rows, style: "values")
  }

  private var disagreements: String {
    let all = summary.disagreements
    guard summary.agreement != nil, !all.isEmpty else { return "" }
    let rows = all.prefix(Self.maximumDisagreements).map { entry -> [Markup.Cell] in
      let label = entry.label.map { report.classes[$0] } ?? "-"
      return [
        .text(entry.input), .text(label), .text(report.classes[entry.reference]),
        .text(report.classes[entry.quantized]),
      ]
    }
    let rest = all.count - rows.count
    let note = rest > 0 ? "<p class=\"quiet\">and \(NumberText.grouped(rest)) more, listed in the JSON report</p>" : ""
    return "<h2>All images with another answer</h2>\n"
      + Markup.table(
        "\(NumberText.grouped(all.count)) images", ["Image", "Label", "fp32", "int8"], rows, style: "names") + note
  }

  // MARK: Footer

  private var footer: String {
    let origin = report.origin
    var settings = "not in the file"
    if let record = origin.record {
      settings =
        "\(NumberText.grouped(record.images)) images, "
        + (record.variants > 0 ? "\(NumberText.grouped(record.variants)) variants of them, " : "")
        + "\(report.model.activations.rawValue) activations, "
        + (report.model.activations == .static ? "observer \(record.observer?.rawValue ?? "search"), " : "")
        + "\(record.rounding.rawValue) rounding, \(record.smoothing ? "smoothing" : "no smoothing"), "
        + "\(report.model.hadamard == nil ? "no rotation" : "rotation"), "
        + "\(report.model.softmaxPlanes) softmax plane\(report.model.softmaxPlanes == 1 ? "" : "s"), seed \(record.seed)"
    }
    var items = [
      ("Program", "vit-quant \(VitQuant.version)"), ("Date", origin.date),
      ("Machine", "\(origin.machine), \(origin.instructionSet)"),
      ("fp32 model", "\(origin.floatPath), SHA-256 \(origin.floatDigest)"),
      ("int8 model", "\(origin.integerPath), SHA-256 \(origin.integerDigest)"), ("Calibration", settings),
      (
        "Data",
        "\(origin.dataPath), \(NumberText.grouped(summary.samples)) images, digest \(SampleDigest.text(summary.digest)), "
          + "\(NumberText.grouped(report.calibrationImages)) of them used for calibration"
      ),
    ]
    let assumed = report.assumptions.all
    if !assumed.isEmpty {
      items.append(("Assumed", "\(assumed.joined(separator: ", ")): no file of the fp32 model says it"))
    }
    let list = items.map { "<dt>\($0.0)</dt><dd>\(Self.escape($0.1))</dd>" }.joined(separator: "\n")
    return "<footer>\n<h2>Where this comes from</h2>\n<dl>\(list)</dl>\n</footer>"
  }
}
