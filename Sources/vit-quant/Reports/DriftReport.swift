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

  /// A number of the report: its key, how people call it, and its value; nil where it has no meaning.
  struct Figure {
    let key: String
    let title: String
    let value: Double?
    let text: String
  }

  /// The numbers at the top of the report.
  var figures: [Figure] {
    let s = summary
    func share(_ key: String, _ title: String, _ value: Double?) -> Figure {
      Figure(key: key, title: title, value: value, text: NumberText.percent(value))
    }
    func number(_ key: String, _ title: String, _ value: Double?, _ decimals: Int, _ unit: String = "") -> Figure {
      Figure(key: key, title: title, value: value, text: NumberText.fixed(value, decimals) + (value == nil ? "" : unit))
    }
    return [
      number("samples", "Images", Double(s.samples), 0), number("labelled", "with a label", Double(s.labelled), 0),
      share("fp32_top1", "Top-1, fp32", s.referenceTop1), share("int8_top1", "Top-1, int8", s.quantizedTop1),
      number("top1_drop", "Top-1 drop", s.top1Drop, 2, " points"),
      share("fp32_top5", "Top-5, fp32", s.referenceTop5), share("int8_top5", "Top-5, int8", s.quantizedTop5),
      share("agreement", "Agreement", s.agreement), number("logit_sqnr_db", "Logit SQNR", s.logitSQNR, 2, " dB"),
      number("logit_cosine", "Logit cosine", s.logitCosine, 6),
      number("kl_divergence", "KL divergence", s.klDivergence, 6, " nats"),
      number("token_sqnr_db", "Token SQNR", s.tokenSQNR, 2, " dB"),
      number("token_cosine", "Token cosine", s.tokenCosine, 6),
    ]
  }

  /// The report as the contract has it.
  var json: JSON {
    var members: [JSON.Member] = figures.map { figure in
      let isCount = figure.key == "samples" || figure.key == "labelled"
      let value = isCount ? JSON(figure.value.flatMap { Int(exactly: $0) }) : JSON(figure.value)
      return JSON.Member(key: figure.key, value: value)
    }
    let interval = summary.top1DropInterval.map { JSON.array([.double($0.lowerBound), .double($0.upperBound)]) }
    members += [
      .init(key: "top1_drop_interval", value: interval ?? .null),
      .init(key: "layers", value: .array(summary.layers.map(Self.json))),
      .init(key: "disagreements", value: .array(summary.disagreements.map(json))),
      .init(key: "float_model", value: .string(floatPath)), .init(key: "int8_model", value: .string(integerPath)),
      .init(key: "data", value: .string(dataPath)), .init(key: "float_bytes", value: .integer(floatBytes)),
      .init(key: "int8_bytes", value: .integer(integerBytes)), .init(key: "version", value: .integer(1)),
    ]
    return .object(members)
  }

  private static func json(_ layer: DriftSummary.Layer) -> JSON {
    [
      "name": .string(layer.name), "sqnr_db": JSON(layer.sqnrDecibels), "cosine": JSON(layer.meanCosine),
      "max_abs_error": .double(layer.maximumError), "saturation": JSON(layer.saturation),
    ]
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
    for figure in figures where figure.value != nil { table.add([figure.title, figure.text]) }
    if let interval = summary.top1DropInterval {
      let ends = "\(NumberText.fixed(interval.lowerBound, 2)) to \(NumberText.fixed(interval.upperBound, 2))"
      table.add(["  95% interval", "\(ends) points"])
    }
    table.add(["Weights, fp32", NumberText.bytes(floatBytes)])
    table.add(["Model file, int8", NumberText.bytes(integerBytes)])
    var layers = TextTable([.left, .right, .right, .right, .right])
    layers.add(["Layer", "SQNR dB", "Cosine", "Max error", "Saturated"])
    for layer in summary.layers {
      layers.add([
        layer.name, NumberText.fixed(layer.sqnrDecibels, 2), NumberText.fixed(layer.meanCosine, 6),
        NumberText.fixed(layer.maximumError, 4), NumberText.percent(layer.saturation),
      ])
    }
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
