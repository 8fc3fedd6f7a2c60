import Int8Kernels
import Quant
import ViTLite

/// What `run --output` writes: the results of all inputs, stacked, N first. Each is written as it comes and not kept.
///
/// With a head: `logits`; without one: `last_hidden_state` and `pooler_output`, or `image_embeds` with a
/// projection. With hidden states also
/// `hidden_states.0` ... and, with a head too, `last_hidden_state`.
final class OutputFile {
  private let configuration: ModelConfiguration
  private let keepsHiddenStates: Bool
  /// Inputs to be run; fewer rows may come.
  private let rows: Int
  private var writer: SafetensorsRowWriter?
  /// Nil before the first result.
  private var columns: [Column]?

  /// Opens the output: what is wrong with its path is found before any work.
  init(path: String, _ configuration: ModelConfiguration, _ keepsHiddenStates: Bool, rows: Int) throws(CommandError) {
    self.configuration = configuration
    self.keepsHiddenStates = keepsHiddenStates
    self.rows = rows
    do throws(SafetensorsError) { writer = try SafetensorsRowWriter(path: path) } catch { throw .input("\(error)") }
  }

  private var hasHead: Bool { configuration.classes > 0 }

  /// A tensor of the file: its name, the shape of one row, and the row of an inference.
  private struct Column {
    let name: String
    let shape: [Int]
    let row: (Inference) -> [Float]

    var declaration: SafetensorsDeclaration { SafetensorsDeclaration(name: name, type: .float32, shape: shape) }
  }

  private func columns(of first: Inference) -> [Column] {
    let tokens = [configuration.tokens, configuration.width]
    var columns: [Column] = []
    if let logits = first.outputs.logits {
      columns.append(Column(name: "logits", shape: [logits.count]) { $0.outputs.logits ?? [] })
    }
    if first.outputs.finalTokens != nil, keepsHiddenStates || !hasHead {
      columns.append(Column(name: "last_hidden_state", shape: tokens) { $0.outputs.finalTokens ?? [] })
    }
    if let embedding = first.imageEmbedding {
      columns.append(Column(name: "image_embeds", shape: [embedding.count]) { $0.imageEmbedding ?? [] })
    }
    if let pooled = first.poolerOutput, !hasHead {
      columns.append(Column(name: "pooler_output", shape: [pooled.count]) { $0.poolerOutput ?? [] })
    }
    for index in first.outputs.hiddenStates.indices {
      columns.append(Column(name: "hidden_states.\(index)", shape: tokens) { $0.outputs.hiddenStates[index] })
    }
    return columns
  }

  func add(_ inference: Inference) throws(CommandError) {
    do throws(SafetensorsError) {
      if columns == nil {
        let columns = columns(of: inference)
        self.columns = columns
        try writer?.declare(columns.map(\.declaration), rows: rows)
      }
      try writer?.append((columns ?? []).map { $0.row(inference) })
    } catch { throw .input("\(error)") }
  }

  /// Puts the file in its place; to be called once.
  func commit() throws(CommandError) {
    do throws(SafetensorsError) { try writer.take()?.commit() } catch { throw .input("\(error)") }
  }
}
