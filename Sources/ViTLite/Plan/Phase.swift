/// The steps of the int8 forward pass, in the order of the fast plan. One table, `description`, has for each step what
/// it reads, what it writes, how the workers share it and which matrix product it is. The profile, the lifetimes of
/// buffers and the benchmark's products are derived from that table.
package enum Phase: Int, CaseIterable, Sendable {
  /// The residual stream starts as the positions, with the prefix tokens.
  case positions
  /// The image's pixels are gathered patch by patch.
  case patches
  case patchEmbedding
  /// The norm before the first block, in models that have one.
  case preNorm

  /// LayerNorm of the residual stream, quantized for the layer that reads it.
  case ln1
  case attnQKV
  /// Keys and values in the layout of weights; keys after their norm and rotation.
  case attnPack
  /// Quantized queries, after their norm and rotation, times keys.
  case attnScores
  case attnSoftmax
  /// Probabilities times values.
  case attnValues
  /// The weighted values over the sum of their weights.
  case attnCombine
  /// The heads' results, after their norm, quantized.
  case attnQuantize
  case attnOut
  case ln2
  case ffnUp
  /// Activation, gate and norm of the hidden layer, quantized for the layer that reads it.
  case ffnActivation
  case ffnDown

  /// LayerNorm of all final tokens, where they are asked for or the readout averages them.
  case finalNorm
  /// Pooling, and the head or the pooler.
  case output

  /// Those that happen once, before the blocks.
  static let embedding: ClosedRange<Int> = Phase.positions.rawValue...Phase.preNorm.rawValue
  /// Those of a block.
  static let block: ClosedRange<Int> = Phase.ln1.rawValue...Phase.ffnDown.rawValue
}

extension Phase {
  /// What the workers divide among themselves.
  package enum Work: Sendable, Equatable {
    case tokens
    case patches
    /// The outputs of the phase's layer, in whole panels of 16.
    case outputs
    case heads
    /// A block of query rows of one head. Phases of this kind that follow each other are done together, block by block:
    /// each block reads only what it wrote itself.
    case queryBlocks
    /// One worker does it all.
    case once
  }

  /// A matrix product.
  package enum Product: Sendable, Equatable {
    case patchEmbedding
    case layer(BlockLayer)
    /// Queries times keys.
    case scores
    /// Probabilities times values.
    case values
  }

  package struct Description: Sendable {
    /// The key in `bench --json --profile`, in the model file's words.
    package var name: String
    package var work: Work
    package var reads: BufferSet
    package var writes: BufferSet
    package var product: Product?
  }

  package var description: Description {
    func phase(
      _ name: String, _ work: Work, reads: BufferSet, writes: BufferSet, _ product: Product? = nil
    ) -> Description {
      Description(name: name, work: work, reads: reads, writes: writes, product: product)
    }
    func linear(_ layer: BlockLayer, reads: BufferSet, writes: BufferSet) -> Description {
      phase(layer.rawValue, .outputs, reads: reads, writes: writes, .layer(layer))
    }
    let scratch: BufferSet = [.scores, .probabilities, .weightedSums, .rowSums, .queries]
    return switch self {
    case .positions: phase("position_embd", .tokens, reads: [], writes: .residual)
    case .patches: phase("patches", .patches, reads: [], writes: .patches)
    case .patchEmbedding:
      phase("patch_embd", .outputs, reads: [.patches, .residual], writes: .residual, .patchEmbedding)
    case .preNorm: phase(ModelKey.preNorm, .tokens, reads: .residual, writes: .residual)
    case .ln1: phase("ln1", .tokens, reads: .residual, writes: [.activations, .normalized])
    case .attnQKV: linear(.attnQKV, reads: .activations, writes: .qkv)
    case .attnPack: phase("attn_pack", .heads, reads: .qkv, writes: [.keys, .keyScales, .values, .qkv])
    case .attnScores:
      phase("attn_scores", .queryBlocks, reads: [.qkv, .keys, .keyScales], writes: scratch.union(.qkv), .scores)
    case .attnSoftmax: phase("attn_softmax", .queryBlocks, reads: .scores, writes: [.probabilities, .rowSums])
    case .attnValues:
      phase("attn_values", .queryBlocks, reads: [.probabilities, .values], writes: .weightedSums, .values)
    case .attnCombine: phase("attn_combine", .queryBlocks, reads: [.weightedSums, .rowSums], writes: .attention)
    case .attnQuantize: phase("attn_quantize", .tokens, reads: .attention, writes: [.attention, .activations])
    case .attnOut: linear(.attnOut, reads: [.activations, .residual], writes: .residual)
    case .ln2: phase("ln2", .tokens, reads: .residual, writes: [.activations, .normalized])
    case .ffnUp: linear(.ffnUp, reads: .activations, writes: .hidden)
    case .ffnActivation: phase("ffn_act", .tokens, reads: .hidden, writes: [.hidden, .hiddenActivations])
    case .ffnDown: linear(.ffnDown, reads: [.hiddenActivations, .residual], writes: .residual)
    case .finalNorm: phase(ModelKey.outputNorm, .tokens, reads: .residual, writes: [.residual, .finalTokens])
    case .output:
      phase(
        "output", .once, reads: [.residual, .finalTokens],
        writes: [.readoutRows, .headInput, .headActivations, .outputs])
    }
  }

  package var name: String { description.name }

}
