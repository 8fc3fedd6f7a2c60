import Int8Kernels
import ViTLite

/// A fully connected layer: `y = W x + b`.
package struct FloatLinear: Sendable {
  /// `outputs x inputs`, row-major.
  package var weight: [Float]
  /// `outputs`; zeros when the checkpoint has none.
  package var bias: [Float]
  package var outputs: Int
  package var inputs: Int

  package init(weight: [Float], bias: [Float], outputs: Int, inputs: Int) {
    self.weight = weight
    self.bias = bias
    self.outputs = outputs
    self.inputs = inputs
  }
}

/// Gain and bias of a LayerNorm.
package struct FloatNorm: Sendable {
  package var gain: [Float]
  package var bias: [Float]

  package init(gain: [Float], bias: [Float]) {
    self.gain = gain
    self.bias = bias
  }
}

/// One transformer block: `x += layerScale1 * attnOut(attention(ln1(x)))`, `x += layerScale2 * ffnDown(mlp(ffnUp(ln2(x))))`,
/// where `mlp` is the activation, or the activation of the gate times the rest.
package struct FloatBlock: Sendable {
  package var ln1: FloatNorm
  package var ln2: FloatNorm
  /// The outputs of `attnQKV` are the rows of all queries, then keys, then values; within each, head by head.
  package var layers: BlockLayers<FloatLinear>
  package var layerScale1: [Float]?
  package var layerScale2: [Float]?
  /// Norms of each head's queries and keys, before their rotation: numbers for all heads, one after the other.
  package var queryNorm: FloatNorm?
  package var keyNorm: FloatNorm?
  /// Of the heads' results together, before `attnOut`.
  package var attentionNorm: FloatNorm?
  /// Of the MLP's hidden layer, before `ffnDown`.
  package var hiddenNorm: FloatNorm?
  /// What the activation's results are multiplied by, channel by channel, before `ffnDown`: multiples of 2^-15 below 1.
  /// Smoothing sets them; no checkpoint has any.
  package var hiddenFactors: [Float]?

  package init(
    ln1: FloatNorm, ln2: FloatNorm, layers: BlockLayers<FloatLinear>, layerScale1: [Float]? = nil,
    layerScale2: [Float]? = nil
  ) {
    self.ln1 = ln1
    self.ln2 = ln2
    self.layers = layers
    self.layerScale1 = layerScale1
    self.layerScale2 = layerScale2
  }
}

/// The weights of a Vision Transformer in one canonical form, whatever the checkpoint's family.
public struct FloatModel: Sendable {
  public package(set) var configuration: ModelConfiguration
  /// `width x (channels, patch rows, patch columns)`.
  package var patchEmbedding: FloatLinear
  /// `prefixTokens x width`, positions already added where the family adds them.
  package var prefixTokens: [Float]
  /// `patches x width`, for the configuration's image size.
  package var positions: [Float]
  /// With the head that pools by attention at their end, where there is one: a block whose queries do not depend on its
  /// input, which computes one row, and whose attention's output is not added to anything. Its `ln1` is the final norm.
  package var blocks: [FloatBlock]
  /// Factor on `q . k` before the softmax: `1/sqrt(head width)`, or 1 in the seed implementation.
  package var scoreScale: Float
  /// Factor on the softmax's output: 1, or `1/sqrt(width)` in the seed implementation.
  package var probabilityScale: Float
  /// The final norm; applied to all tokens, or to the pooled vector, as the configuration's readout says.
  package var finalNorm: FloatNorm
  /// `classes x (segments * width)`; nil when the model has no head.
  package var head: FloatLinear?
  /// Hugging Face `ViTModel`'s pooler: `tanh(W x + b)` on the normed class token; nil when there is none.
  package var pooler: FloatLinear?
  /// The norm between the embeddings and the first block.
  package var preNorm: FloatNorm?
  /// Of queries and keys of the patches; nil without rotary positions.
  package var rotation: FloatRotation?
  /// Of the pooled vector; nil when there is none.
  package var projection: FloatLinear?
  /// Of the residual stream, between the embeddings and the readout. No checkpoint has one.
  package var hadamard: HadamardRotation?

  package init(
    configuration: ModelConfiguration, patchEmbedding: FloatLinear, prefixTokens: [Float], positions: [Float],
    blocks: [FloatBlock], scoreScale: Float, probabilityScale: Float, finalNorm: FloatNorm,
    head: FloatLinear?, pooler: FloatLinear?
  ) {
    self.configuration = configuration
    self.patchEmbedding = patchEmbedding
    self.prefixTokens = prefixTokens
    self.positions = positions
    self.blocks = blocks
    self.scoreScale = scoreScale
    self.probabilityScale = probabilityScale
    self.finalNorm = finalNorm
    self.head = head
    self.pooler = pooler
  }
}
