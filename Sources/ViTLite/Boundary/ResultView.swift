import Int8Kernels

/// What the last run of a session left in its arena, for callers who bring their own memory: nothing here allocates.
package struct ResultView {
  let model: IntegerModel
  /// 1 x classes; nil when the model has no head.
  package let logits: Matrix<Int32>?
  /// What enters the pooler's `tanh`, 1 x width; nil when the model has a head or no pooler.
  package let pooled: Matrix<Int32>?
  /// Tokens x width, after the final norm; no rows where not all tokens are normed.
  package let finalTokens: Matrix<Int32>

  init(_ model: IntegerModel, _ arena: InferenceArena) {
    self.model = model
    finalTokens = arena.finalTokens
    logits = model.head.map { arena.outputs.columns(0..<$0.outputs) }
    pooled = model.head == nil ? model.pooler.map { arena.outputs.columns(0..<$0.outputs) } : nil
  }

  /// `logit = integer * logitScale`; the same for `pooled`.
  package var logitScale: Float { Self.scale(model.outputFractionBits) }

  /// `final token value = integer * finalTokenScale`
  package var finalTokenScale: Float { Self.scale(model.finalFractionBits) }

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
