import Int8Kernels
import ViTLite

extension SplitMix64 {
  /// A number with mean 0 and deviation 1 within ±2.45: the sum of four uniform ones.
  fileprivate mutating func nextBell() -> Float {
    let bits = next()
    var sum: Int32 = 0
    for part in 0..<4 { sum += Int32(bits >> UInt64(16 * part) & 0xFFFF) }
    // Each part has mean 32767.5 and deviation 65536/sqrt(12); four of them twice that deviation.
    return (Float(sum) - 131_070) * (1.732_050_8 / 65_536)
  }
}

extension FloatModel {
  /// A model of random weights, for measurements: the same for the same seed. Weights are scaled so that activations
  /// stay near the size that trained models have; norms have gain 1 and bias 0.
  package static func random(
    _ configuration: ModelConfiguration, attentionScaling: AttentionScaling = .scores, seed: UInt64
  ) -> FloatModel {
    var generator = SplitMix64(seed: seed)
    let width = configuration.width
    func values(_ count: Int, deviation: Float) -> [Float] {
      (0..<count).map { _ in generator.nextBell() * deviation }
    }
    func linear(outputs: Int, inputs: Int) -> FloatLinear {
      FloatLinear(
        weight: values(outputs * inputs, deviation: 1 / Float(inputs).squareRoot()),
        bias: values(outputs, deviation: 0.02), outputs: outputs, inputs: inputs)
    }
    let norm = FloatNorm(gain: [Float](repeating: 1, count: width), bias: [Float](repeating: 0, count: width))
    let embedding = linear(outputs: width, inputs: configuration.patchInputs)
    let prefix = values(configuration.prefixTokens * width, deviation: 0.5)
    let positions = values(configuration.patches * width, deviation: 0.5)
    func plainNorm(_ count: Int, _ isThere: Bool) -> FloatNorm? {
      isThere ? FloatNorm(gain: [Float](repeating: 1, count: count), bias: [Float](repeating: 0, count: count)) : nil
    }
    let blocks = (0..<configuration.blockCount).map { index in
      var block = FloatBlock(
        ln1: norm, ln2: norm,
        layers: BlockLayers { layer in
          let shape = layer.shape(in: configuration)
          return linear(outputs: shape.outputs, inputs: shape.inputs)
        })
      guard index < configuration.depth else {
        // A query that does not depend on the image.
        block.layers.attnQKV.scaleOutputs(0..<width, weightsBy: 0)
        return block
      }
      block.queryNorm = plainNorm(width, configuration.normsQueriesAndKeys)
      block.keyNorm = block.queryNorm
      block.attentionNorm = plainNorm(width, configuration.normsAttention)
      block.hiddenNorm = plainNorm(configuration.mlpWidth, configuration.normsHidden)
      return block
    }
    let head =
      configuration.classes > 0
      ? linear(outputs: configuration.classes, inputs: configuration.readout.segments * width) : nil
    let scale = attentionScaling.factors(width: width, heads: configuration.heads)
    var model = FloatModel(
      configuration: configuration, patchEmbedding: embedding, prefixTokens: prefix, positions: positions,
      blocks: blocks, scoreScale: scale.scores, probabilityScale: scale.probabilities, finalNorm: norm, head: head,
      pooler: nil)
    model.preNorm = configuration.normBeforeBlocks ? norm : nil
    if configuration.positions.isRotary {
      let scheme = RotaryScheme(coordinates: .centered, temperature: 100, pairsNeighbours: false)
      let grid = PositionInterpolation.Grid(height: configuration.gridHeight, width: configuration.gridWidth)
      model.rotation = scheme.rotation(on: grid, headWidth: configuration.headWidth)
    }
    if configuration.projectionWidth > 0 {
      model.projection = linear(outputs: configuration.projectionWidth, inputs: width)
    }
    return model
  }

  /// A preset of random weights.
  package static func random(_ preset: Preset, seed: UInt64 = 0) -> FloatModel {
    random(preset.configuration, attentionScaling: preset.family.attentionScaling, seed: seed)
  }
}
