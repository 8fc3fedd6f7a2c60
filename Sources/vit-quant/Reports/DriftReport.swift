import Int8Kernels
import Quant
import ViTLite

/// The drift of an int8 model, with what a reader needs to know about the two models.
struct DriftReport {
  let summary: DriftSummary
  let classes: ClassNames
  let floatPath: String
  let integerPath: String
  let dataPath: String
  /// Sizes of the weights in memory and of the int8 file.
  let floatBytes: Int
  let integerBytes: Int

  /// The report as the contract has it.
  var json: JSON {
    var members = ReportFigures.summary.map { $0.member(of: summary) }
    members += ReportFigures.summary.compactMap { $0.intervalMember(of: summary) }
    members += [
      .init(key: "layers", value: .array(summary.layers.map(Self.json))),
      .init(key: "disagreements", value: .array(summary.disagreements.map(json))),
      .init(key: "float_model", value: .string(floatPath)), .init(key: "int8_model", value: .string(integerPath)),
      .init(key: "data", value: .string(dataPath)), .init(key: "float_bytes", value: .integer(floatBytes)),
      .init(key: "int8_bytes", value: .integer(integerBytes)), .init(key: "version", value: .integer(1)),
    ]
    return .object(members)
  }

  private static func json(_ layer: DriftSummary.Layer) -> JSON {
    .object([.init(key: "name", value: .string(layer.name))] + ReportFigures.layer.map { $0.member(of: layer) })
  }

  private func json(_ disagreement: DriftSummary.Disagreement) -> JSON {
    [
      "input": .string(disagreement.input), "label": JSON(disagreement.label), "fp32": .integer(disagreement.reference),
      "int8": .integer(disagreement.quantized),
    ]
  }

  /// The report for a terminal.
  func text(_ console: Console) -> String {
    var table = TextTable([.left, .right])
    for figure in ReportFigures.summary {
      if let text = figure.textWithUnit(of: summary) { table.add([figure.title, text]) }
    }
    for figure in ReportFigures.summary {
      if let text = figure.intervalText(of: summary) { table.add(["  95% interval", text]) }
    }
    table.add(["Weights, fp32", NumberText.bytes(floatBytes)])
    table.add(["Model file, int8", NumberText.bytes(integerBytes)])
    var layers = TextTable([.left] + ReportFigures.layer.map { _ in .right })
    layers.add(["Layer"] + ReportFigures.layer.map { $0.heading(isShort: true) })
    for layer in summary.layers { layers.add([layer.name] + ReportFigures.layer.map { $0.text(of: layer) }) }
    var lines = table.lines + [""] + layers.lines
    lines[lines.count - layers.lines.count] = console.styled(layers.lines[0], .bold)
    if !summary.disagreements.isEmpty {
      lines += ["", "\(summary.disagreements.count) images with another answer (--json or --html lists all), such as:"]
      lines += summary.disagreements.prefix(5).map { "  " + text($0) }
    }
    return lines.joined(separator: "\n")
  }

  private func text(_ disagreement: DriftSummary.Disagreement) -> String {
    let label = disagreement.label.map { ", label \(classes[$0])" } ?? ""
    return
      "\(disagreement.input): fp32 \(classes[disagreement.reference]), int8 \(classes[disagreement.quantized])\(label)"
  }
}
