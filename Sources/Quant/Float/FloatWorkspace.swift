import Int8Kernels
import ViTLite

/// Memory for one image at a time going through a `FloatReference`; one for each thread.
package final class FloatWorkspace {
  /// The residual stream: `tokens x width`. A caller that keeps those of many images may put each in its place.
  var residual: FloatBuffer
  /// `patches x patch inputs`.
  let patches: FloatBuffer
  /// Norm outputs: `tokens x width`.
  let normed: FloatBuffer
  /// `tokens x 3 width`.
  let qkv: FloatBuffer
  /// The heads' results: `tokens x width`.
  let attention: FloatBuffer
  /// What is added to the residual stream: `tokens x width`.
  let branch: FloatBuffer
  /// `tokens x MLP width`, twice that with a gate.
  let hidden: FloatBuffer
  /// One head's scores: `query rows x tokens`.
  let scores: FloatBuffer
  /// One head's keys and values, packed.
  let packedKeys: FloatBuffer
  let packedValues: FloatBuffer
  /// The row that the head reads: up to two segments of the width.
  let pooled: FloatBuffer
  /// One row: means, the pooler's output.
  let row: FloatBuffer
  let logits: FloatBuffer

  /// Query rows that go through attention at a time, so that memory does not grow with the square of the tokens. A
  /// multiple of the tiles of every matrix product.
  static let queryRows = 480

  /// Bytes of all buffers.
  package var byteCount: Int {
    [residual, patches, normed, qkv, attention, branch, hidden, scores, packedKeys, packedValues, pooled, row, logits]
      .reduce(0) { $0 + 4 * $1.count }
  }

  package init(_ configuration: ModelConfiguration) {
    let (tokens, width) = (configuration.tokens, configuration.width)
    residual = FloatBuffer(count: tokens * width)
    patches = FloatBuffer(count: configuration.patches * configuration.patchInputs)
    normed = FloatBuffer(count: tokens * width)
    qkv = FloatBuffer(count: tokens * 3 * width)
    attention = FloatBuffer(count: tokens * width)
    branch = FloatBuffer(count: tokens * width)
    hidden = FloatBuffer(count: tokens * BlockLayer.ffnUp.shape(in: configuration).outputs)
    scores = FloatBuffer(count: min(tokens, Self.queryRows) * tokens)
    packedKeys = FloatBuffer(count: SGEMM.packedCount(k: configuration.headWidth, n: tokens))
    packedValues = FloatBuffer(count: SGEMM.packedCount(k: tokens, n: configuration.headWidth))
    pooled = FloatBuffer(count: 2 * width)
    row = FloatBuffer(count: width)
    logits = FloatBuffer(count: max(configuration.classes, configuration.projectionWidth, 1))
  }
}
