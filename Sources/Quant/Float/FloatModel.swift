import ViTLite

/// A fully connected layer: `y = W x + b`.
public struct FloatLinear: Sendable {
  /// `outputs x inputs`, row-major.
  public var weight: [Float]
  /// `outputs`; zeros when the checkpoint has none.
  public var bias: [Float]
  public var outputs: Int
  public var inputs: Int

  public init(weight: [Float], bias: [Float], outputs: Int, inputs: Int) {
    self.weight = weight
    self.bias = bias
    self.outputs = outputs
    self.inputs = inputs
  }
}

/// Gain and bias of a LayerNorm.
public struct FloatNorm: Sendable {
  public var gain: [Float]
  public var bias: [Float]

  public init(gain: [Float], bias: [Float]) {
    self.gain = gain
    self.bias = bias
  }
}

/// One transformer block: `x += layerScale1 * attnOut(attention(ln1(x)))`, `x += layerScale2 * ffnDown(gelu(ffnUp(ln2(x))))`.
public struct FloatBlock: Sendable {
  public var ln1: FloatNorm
  public var ln2: FloatNorm
  /// The outputs of `attnQKV` are the rows of all queries, then keys, then values; within each, head by head.
  public var layers: BlockLayers<FloatLinear>
  public var layerScale1: [Float]?
  public var layerScale2: [Float]?

  public init(
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
  public var configuration: ModelConfiguration
  /// `width x (channels, patch rows, patch columns)`.
  public var patchEmbedding: FloatLinear
  /// `prefixTokens x width`, positions already added where the family adds them.
  public var prefixTokens: [Float]
  /// `patches x width`, for the configuration's image size.
  public var positions: [Float]
  public var blocks: [FloatBlock]
  /// Factor on `q . k` before the softmax: `1/sqrt(head width)`, or 1 in the seed implementation.
  public var scoreScale: Float
  /// Factor on the softmax's output: 1, or `1/sqrt(width)` in the seed implementation.
  public var probabilityScale: Float
  /// The final norm; applied to all tokens, or to the pooled vector, as the configuration's readout says.
  public var finalNorm: FloatNorm
  /// `classes x (segments * width)`; nil when the model has no head.
  public var head: FloatLinear?
  /// Hugging Face `ViTModel`'s pooler: `tanh(W x + b)` on the normed class token; nil when there is none.
  public var pooler: FloatLinear?

  public init(
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
