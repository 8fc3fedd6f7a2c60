import Int8Kernels
import Quant
import ViTLite

/// How the result of one image is shown.
struct ResultText {
  private static let barWidth = 30

  let classes: ClassNames
  let topK: Int
  let isJSON: Bool
  let console: Console
  var assumptions = Assumptions()

  func render(_ inference: Inference, name: String) -> String {
    isJSON ? json(inference, name: name).serialized() : text(inference, name: name)
  }

  private func top(_ inference: Inference) -> [Classification] {
    Classification.top(topK, of: inference.outputs.logits ?? [], labels: classes.labels)
  }

  private func json(_ inference: Inference, name: String) -> JSON {
    let top = top(inference).map { entry -> JSON in
      [
        "index": .integer(entry.index), "label": JSON(classes.label(entry.index)),
        "score": .double(entry.probability),
      ]
    }
    // A model without a head gives a vector instead of classes.
    let vector = inference.imageEmbedding ?? inference.poolerOutput
    let embedding = vector.map { JSON.array($0.map { .double(Double($0)) }) } ?? .null
    let result: (String, JSON) =
      inference.outputs.logits == nil ? ("embedding", embedding) : ("top", .array(top))
    let assumed = assumptions.all.isEmpty ? [] : [JSON.Member(key: "assumptions", value: assumptions.json)]
    return .object(
      [
        .init(key: "input", value: .string(name)), .init(key: result.0, value: result.1),
        .init(key: "latency_ms", value: .double(inference.seconds * 1000)),
        .init(key: "logits_crc32", value: JSON(inference.checksum.map { Int($0) })),
      ] + assumed)
  }

  private func text(_ inference: Inference, name: String) -> String {
    let latency = console.styled("\(NumberText.fixed(inference.seconds * 1000, 2)) ms", .dim)
    var lines = ["\(console.styled(TerminalText.escaped(name), .bold))  \(latency)"]
    guard inference.outputs.logits != nil else {
      let tokens = inference.outputs.finalTokens?.count ?? 0
      lines.append("  no head: \(NumberText.grouped(tokens)) values of final tokens; --output writes them")
      return lines.joined(separator: "\n")
    }
    let top = top(inference)
    let labels = top.map { TerminalText.escaped($0.label) }
    let width = labels.map(\.count).max() ?? 0
    for (rank, entry) in top.enumerated() {
      let label = labels[rank]
      let padding = String(repeating: " ", count: width - label.count)
      let percent = NumberText.percent(entry.probability)
      let alignment = String(repeating: " ", count: max(0, 7 - percent.count))
      let cells = Int(exactly: (entry.probability * Double(Self.barWidth)).rounded()) ?? 0
      let filled = min(max(cells, 0), Self.barWidth)
      let bar = console.styled(String(repeating: "█", count: filled), rank == 0 ? .green : .cyan)
      lines.append("  \(label)\(padding)  \(alignment)\(percent)  \(bar)")
    }
    return lines.joined(separator: "\n")
  }
}
