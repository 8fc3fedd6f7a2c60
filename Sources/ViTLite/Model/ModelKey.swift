/// Names in the model file, shared by its writer and its reader.
package enum ModelKey {
  package static let architecture = "vit"

  package static func metadata(_ name: String) -> String { "\(architecture).\(name)" }
  package static func block(_ index: Int) -> String { "blk.\(index)" }
  package static func block(_ index: Int, _ name: String) -> String { "\(block(index)).\(name)" }
  /// A block's attention, in reports and options; it has no tensors of this name.
  package static let attention = "attn"
  /// Planes of 8 bits of each block's queries, keys, values and probabilities; absent where all blocks have one of each
  /// but the probabilities.
  package static let attentionPlanes = "block.attention_planes"
  /// What the activations of a block's hidden layer are multiplied by, channel by channel; absent where by nothing.
  package static func hiddenFactors(_ block: Int) -> String { self.block(block, "ffn_act.factor") }
  /// The norm between the embeddings and the first block.
  package static let preNorm = "pre_norm"
  /// Of queries and keys: the cosines of all patches, then the sines.
  package static let rotation = "rotation"
  /// Of the rotation of the residual stream: channels of a block, the signs of both rounds, and the groups of channels that
  /// change places; absent where there is no such rotation.
  package static let hadamardBlock = "hadamard.block"
  package static let hadamardSigns = "hadamard.signs"
  package static let hadamardPairs = "hadamard.pairs"
  /// The same as a matrix, in exported weights.
  package static let hadamardMatrix = "hadamard.matrix"
  /// The norm after the last block.
  package static let outputNorm = "output_norm"
  /// The static ranges of what a layer of each block reads.
  package static func inputRange(of layer: BlockLayer) -> String {
    switch layer {
    case .attnQKV: "block.norm1_range"
    case .attnOut: "block.attention_range"
    case .ffnUp: "block.norm2_range"
    case .ffnDown: "block.gelu_range"
    }
  }
  /// Of the stored places of an inference's buffers: which list of buffers they are for, the places, and how many tokens
  /// a lean plan takes at a time.
  package static let planVersion = "plan.version"
  package static let leanPlanRows = "plan.lean.rows"
  package static func planOffsets(_ kind: PlanKind) -> String { "plan.\(kind.rawValue).offsets" }
  /// CRC-32 of each tensor's bytes, in the order of the tensors.
  package static let checksums = metadata("tensor_crc32")
  /// CRC-32 of all bytes before the tensors' data but the four of this value.
  package static let headerChecksum = metadata("header_crc32")
}
