import Int8Kernels
import ViTLite

/// A float model around its blocks, with the weights as the products read them.
struct PackedFrame: Sendable {
  let configuration: ModelConfiguration
  let scoreScale: Float
  let probabilityScale: Float
  let patchEmbedding: PackedFloatLinear
  /// The residual stream before the patches' content is added: prefix tokens, then positions.
  let base: FloatBuffer
  let preNorm: PackedNorm?
  let rotation: PackedRotation?
  let finalNorm: PackedNorm
  let head: PackedFloatLinear?
  let pooler: PackedFloatLinear?
  let projection: PackedFloatLinear?
  let hadamard: HadamardRotation?

  init(_ model: FloatModel) {
    configuration = model.configuration
    scoreScale = model.scoreScale
    probabilityScale = model.probabilityScale
    patchEmbedding = PackedFloatLinear(model.patchEmbedding)
    base = FloatBuffer(count: model.configuration.tokens * model.configuration.width)
    base.copy(from: model.prefixTokens)
    base.copy(from: model.positions, at: model.prefixTokens.count)
    preNorm = model.preNorm.map { PackedNorm($0) }
    rotation = model.rotation.map { PackedRotation($0) }
    finalNorm = PackedNorm(model.finalNorm)
    head = model.head.map { PackedFloatLinear($0) }
    pooler = model.pooler.map { PackedFloatLinear($0) }
    projection = model.projection.map { PackedFloatLinear($0) }
    hadamard = model.hadamard
  }
}

struct PackedRotation: Sendable {
  let cosines: FloatBuffer
  let sines: FloatBuffer

  init(_ rotation: FloatRotation) {
    cosines = FloatBuffer(rotation.cosines)
    sines = FloatBuffer(rotation.sines)
  }
}

struct PackedNorm: Sendable {
  let gain: FloatBuffer
  let bias: FloatBuffer

  init(_ norm: FloatNorm) {
    gain = FloatBuffer(norm.gain)
    bias = FloatBuffer(norm.bias)
  }
}

/// The weights of a block as the products read them.
struct PackedBlock: Sendable {
  let ln1: PackedNorm
  let ln2: PackedNorm
  let layers: BlockLayers<PackedFloatLinear>
  let layerScale1: FloatBuffer?
  let layerScale2: FloatBuffer?
  let queryNorm: PackedNorm?
  let keyNorm: PackedNorm?
  let attentionNorm: PackedNorm?
  let hiddenNorm: PackedNorm?
  let hiddenFactors: FloatBuffer?

  init(_ block: FloatBlock) {
    ln1 = PackedNorm(block.ln1)
    ln2 = PackedNorm(block.ln2)
    layers = block.layers.map { PackedFloatLinear($0) }
    layerScale1 = block.layerScale1.map { FloatBuffer($0) }
    layerScale2 = block.layerScale2.map { FloatBuffer($0) }
    queryNorm = block.queryNorm.map { PackedNorm($0) }
    keyNorm = block.keyNorm.map { PackedNorm($0) }
    attentionNorm = block.attentionNorm.map { PackedNorm($0) }
    hiddenNorm = block.hiddenNorm.map { PackedNorm($0) }
    hiddenFactors = block.hiddenFactors.map { FloatBuffer($0) }
  }
}
