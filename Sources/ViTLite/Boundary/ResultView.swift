import Int8Kernels

/// What the last run of a session left in its arena, for callers who bring their own memory: nothing here allocates.
package struct ResultView {
  let model: IntegerModel
  /// 1 x classes; nil when the model has no head.
  package let logits: Matrix<Int32>?
  /// 1 x its width, in units of `embeddingScale`: what enters the pooler's `tanh`, the projection or, in a model with
  /// neither, the pooled vector; nil when the model has a head.
  package let embedding: Matrix<Int32>?
  /// Tokens x width, after the final norm or, where that follows the pooling, before it; no rows where they are not
  /// kept.
  package let finalTokens: Matrix<Int32>

  init(_ model: IntegerModel, _ arena: InferenceArena) {
    self.model = model
    finalTokens = arena.finalTokens
    logits = model.head.map { arena.outputs.columns(0..<$0.outputs) }
    let width = model.outputLayer?.outputs ?? model.configuration.width
    embedding = model.head == nil ? arena.outputs.columns(0..<width) : nil
  }

  /// `logit = integer * logitScale`
  package var logitScale: Float { Self.scale(model.outputFractionBits) }

  /// `final token value = integer * finalTokenScale`
  package var finalTokenScale: Float {
    Self.scale(
      model.configuration.readout.normFollowsPooling ? model.residualFractionBits : model.finalFractionBits)
  }

  /// `embedding value = integer * embeddingScale`
  package var embeddingScale: Float {
    if model.outputLayer != nil { return logitScale }
    // The head that pools by attention writes its result to the residual stream.
    let bits = model.configuration.readout.pooling == .attention ? model.residualFractionBits : model.finalFractionBits
    return Self.scale(bits)
  }

  /// Whether a pooler made the embedding, which is then what enters its `tanh`.
  package var hasPooler: Bool { model.head == nil && model.projection == nil && model.pooler != nil }

  static func scale(_ fractionBits: Int) -> Float {
    Float(sign: .plus, exponent: -fractionBits, significand: 1)
  }

  /// CRC-32 of the integer logits, or of the final tokens' integers when there is no head, as little-endian int32.
  package var crc32: UInt32 {
    let values = logits ?? finalTokens
    var checksum = CRC32()
    // Integers lie in memory as little-endian bytes: models are read in place, so no other order can run them.
    for row in 0..<values.rows { values.withBytes(ofRow: row) { checksum.update($0) } }
    return checksum.value
  }
}
