import Int8Kernels
import Quant
import ViTLite

/// What `run --output` writes: the results of all inputs, stacked, N first.
///
/// With a head: `logits`; without one: `last_hidden_state` and `pooler_output`. With hidden states also
/// `hidden_states.0` ... and, with a head too, `last_hidden_state`.
struct OutputFile {
  private let path: String
  private let configuration: ModelConfiguration
  private let keepsHiddenStates: Bool
  private var inferences: [Inference] = []

  init(path: String, _ configuration: ModelConfiguration, _ keepsHiddenStates: Bool) {
    self.path = path
    self.configuration = configuration
    self.keepsHiddenStates = keepsHiddenStates
  }

  mutating func add(_ inference: Inference) {
    var kept = inference
    if hasHead {
      kept.poolerOutput = nil
      if !keepsHiddenStates { kept.outputs.finalTokens = nil }
    }
    inferences.append(kept)
  }

  private var hasHead: Bool { configuration.classes > 0 }

  /// A tensor of the file: its name, the shape of one row, and the row of an inference.
  private struct Column {
    let name: String
    let shape: [Int]
    let row: (Inference) -> [Float]
  }

  private var columns: [Column] {
    guard let first = inferences.first else { return [] }
    let tokens = [configuration.tokens, configuration.width]
    var columns: [Column] = []
    if let logits = first.outputs.logits {
      columns.append(Column(name: "logits", shape: [logits.count]) { $0.outputs.logits ?? [] })
    }
    if first.outputs.finalTokens != nil {
      columns.append(Column(name: "last_hidden_state", shape: tokens) { $0.outputs.finalTokens ?? [] })
    }
    if let pooled = first.poolerOutput {
      columns.append(Column(name: "pooler_output", shape: [pooled.count]) { $0.poolerOutput ?? [] })
    }
    for index in first.outputs.hiddenStates.indices {
      columns.append(Column(name: "hidden_states.\(index)", shape: tokens) { $0.outputs.hiddenStates[index] })
    }
    return columns
  }

  func write() throws(CommandError) {
    let columns = columns
    let declarations = columns.map {
      SafetensorsDeclaration(name: $0.name, type: .float32, shape: [inferences.count] + $0.shape)
    }
    do throws(SafetensorsError) {
      var writer = try SafetensorsWriter(path: path, tensors: declarations)
      for column in columns {
        for inference in inferences { try writer.append(column.row(inference)) }
      }
      try writer.commit()
    } catch { throw .input("\(error)") }
  }
}
