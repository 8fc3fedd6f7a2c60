import Int8Kernels
import ViTLite

/// One block in integers, all but the unit of the residual stream.
struct RoundedBlock: Sendable {
  /// The residual stream's fraction bits that `attn_out` and `ffn_down` are rounded with; there are never more.
  static let residualFractionBits = 20

  var ln1: FloatNorm
  var ln2: FloatNorm
  /// The real value of one unit of the norms' outputs.
  var ln1Unit: Double
  var ln2Unit: Double
  var layers: BlockLayers<RoundedLinear>
  /// In real units: what cancels the rounding errors of the values' biases when added to the projection's.
  var projectionBias: [Double]
  /// What is different where attention is wide.
  var wideAttention: WideAttention<Double>
  var quantizers: BlockLayers<ActivationQuantizer>
  var queryQuantizers: [ActivationQuantizer]
  var keyQuantizers: [ActivationQuantizer]
  var scoreShift: Int32
  var valueMultiplier: [Int32]
  var valueShift: Int32
  var geluFractionBits: Int32
  var gateShift: Int32
  var queryNorm: QuantizedNorm?
  var keyNorm: QuantizedNorm?
  var attentionNorm: QuantizedNorm?
  var hiddenNorm: QuantizedNorm?
  var hiddenFactors: [Int16]?

  /// The block for a residual stream in units of `2^-residualFractionBits`.
  func quantized(residualFractionBits: Int, layerNormEpsilon: Double) -> QuantizedBlock {
    let unit = LinearQuantizer.power(-residualFractionBits)
    func norm(_ norm: FloatNorm, unit: Double) -> QuantizedNorm {
      QuantizedNorm(
        norm, epsilon: layerNormEpsilon, unit: unit, inputUnit: LinearQuantizer.power(-residualFractionBits))
    }
    var layers = BlockLayers { name in
      switch name {
      case .attnQKV, .ffnUp: self.layers[name].layer
      case .attnOut, .ffnDown:
        self.layers[name].rescaled(by: Self.residualFractionBits - residualFractionBits).layer
      }
    }
    layers.attnQKV.projectionBias = projectionBias.map { LinearQuantizer.integer($0 / unit) }
    layers.attnQKV.forWideAttention = WideAttention(
      scales: wideAttention.scales, outputBound: wideAttention.outputBound,
      projectionBias: wideAttention.projectionBias.map { LinearQuantizer.integer($0 / unit) },
      valueShift: wideAttention.valueShift)
    return QuantizedBlock(
      ln1: norm(ln1, unit: ln1Unit), ln2: norm(ln2, unit: ln2Unit), layers: layers, quantizers: quantizers,
      queryQuantizers: queryQuantizers, keyQuantizers: keyQuantizers, scoreShift: scoreShift,
      valueMultiplier: valueMultiplier, valueShift: valueShift, geluFractionBits: geluFractionBits,
      gateShift: gateShift,
      queryNorm: queryNorm, keyNorm: keyNorm, attentionNorm: attentionNorm, hiddenNorm: hiddenNorm,
      hiddenFactors: hiddenFactors)
  }
}
