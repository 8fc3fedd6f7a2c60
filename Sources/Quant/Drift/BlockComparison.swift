import Int8Kernels
import ViTLite

/// One block's weights in both models: how far they are apart, and what the int8 model's integers stand for.
struct BlockComparison: Sendable {
  private(set) var block: ModelBasis.Block?
  private(set) var errors: [BlockLayer: Double] = [:]

  init(_ float: FloatModel, _ integer: IntegerModel, _ index: Int) {
    let exact = float.blocks[index]
    let width = float.configuration.width
    func numbers(_ layer: BlockLayer) -> LayerNumbers? { integer.numbers(of: .block(index, layer)) }
    func norm(_ name: BlockNorm) -> NormNumbers? { integer.numbers(of: name, block: index) }
    guard let qkv = numbers(.attnQKV), let out = numbers(.attnOut), let up = numbers(.ffnUp),
      let down = numbers(.ffnDown), let ln1 = norm(.ln1), let ln2 = norm(.ln2), qkv.outputs == 3 * width,
      up.outputs == exact.layers.ffnUp.outputs
    else { return }
    let residualScale = Double(sign: .plus, exponent: integer.residualFractionBits, significand: 1)
    let valueScales = integer.valueScales(block: index)
    // Both models' weights on normalised rows: times the norm's gain.
    var scales = Self.rowFactors(qkv, exact.layers.attnQKV, ln1.gain, exact.ln1.gain)
    func projectionError() -> Double {
      ModelBasis.error(qkv, exact.layers.attnQKV) { output, input in
        (Double(ln1.gain[input]) / scales[output], Double(exact.ln1.gain[input]))
      }
    }
    var isFault = projectionError() > ModelBasis.faultyWeights
    if let gain = norm(.attention)?.gain, let exactGain = exact.attentionNorm?.gain {
      errors[.attnOut] = ModelBasis.error(out, exact.layers.attnOut) { output, input in
        (Double(gain[input]) / residualScale, Double(exactGain[input]) * Double(exact.layerScale1?[output] ?? 1))
      }
      isFault = false
    } else {
      let columns = Self.columnFactors(out, exact.layers.attnOut, exact.layerScale1, residualScale)
      let error = ModelBasis.error(out, exact.layers.attnOut) { output, input in
        (1 / residualScale / columns[input], Double(exact.layerScale1?[output] ?? 1))
      }
      errors[.attnOut] = error
      // The factors of the values are in two layers, of which the one nearer to the float model is right.
      if isFault, error < ModelBasis.faultyWeights {
        for channel in 0..<width {
          let scale = Double(float.probabilityScale) / (columns[channel] * valueScales[channel])
          if scale.isFinite, scale.magnitude > 1e-30 { scales[2 * width + channel] = scale }
        }
      }
    }
    errors[.attnQKV] = projectionError()
    let hiddenScale = Self.hiddenScales(up, exact.layers.ffnUp, ln2.gain, exact.ln2.gain, integer, index)
    compareMLP(up, down, exact, integer, index, ln2, hiddenScale)
    let attentionScale = (0..<width).map { channel -> Float in
      let scale = Float(scales[2 * width + channel] * valueScales[channel]) / float.probabilityScale
      return scale.magnitude > 0 && scale.isFinite ? scale : 1
    }
    let isRotated = float.rotation != nil && index < float.configuration.depth
    let centersKeys = !isRotated && exact.keyNorm == nil
    block = ModelBasis.Block(
      qkvScale: scales.map { Float($0) }, qkvShift: Array(repeating: 0, count: 3 * width),
      queryNorm: Self.headNorm(norm(.query), exact.queryNorm), keyNorm: Self.headNorm(norm(.key), exact.keyNorm),
      attentionScale: attentionScale, attentionShift: Array(repeating: 0, count: width),
      hiddenScale: hiddenScale.map { Float($0) }, ln1: ln1, ln2: ln2,
      centered: (centersKeys ? [width..<2 * width] : [])
        + (exact.attentionNorm == nil ? [2 * width..<3 * width] : []),
      hasFixedShift: isFault, valueScales: valueScales.map { Float($0) })
    if isFault { block?.take(Self.shifts(qkv, exact, ln1.bias, scales)) }
  }

  /// The errors of the MLP's two layers.
  private mutating func compareMLP(
    _ up: LayerNumbers, _ down: LayerNumbers, _ exact: FloatBlock, _ integer: IntegerModel, _ index: Int,
    _ ln2: NormNumbers, _ hiddenScale: [Double]
  ) {
    errors[.ffnUp] = ModelBasis.error(up, exact.layers.ffnUp) { output, input in
      (Double(ln2.gain[input]) / hiddenScale[output], Double(exact.ln2.gain[input]))
    }
    let residualScale = Double(sign: .plus, exponent: integer.residualFractionBits, significand: 1)
    // Of what the norm of the hidden layer reads or, where there is none, of what the layer reads.
    var products = hiddenScale
    if integer.configuration.isGated {
      let shifted = Double(sign: .plus, exponent: -integer.gateShift(block: index), significand: 1)
      products = (0..<down.inputs).map { hiddenScale[$0] * hiddenScale[down.inputs + $0] * shifted }
    }
    if let factors = integer.hiddenFactors(block: index) {
      for channel in 0..<down.inputs { products[channel] *= Double(factors[channel]) }
    }
    let gain = integer.numbers(of: .hidden, block: index)?.gain
    errors[.ffnDown] = ModelBasis.error(down, exact.layers.ffnDown) { output, input in
      (
        (gain.map { Double($0[input]) } ?? products[input]) / residualScale,
        Double(exact.hiddenNorm?.gain[input] ?? 1) * Double(exact.layerScale2?[output] ?? 1)
      )
    }
  }

  /// What each output has where the normalised row is 0, in integers, beyond the float model's.
  private static func shifts(
    _ numbers: LayerNumbers, _ exact: FloatBlock, _ bias: [Float], _ scales: [Double]
  ) -> [Float] {
    let layer = exact.layers.attnQKV
    return (0..<numbers.outputs).map { output in
      var got = Double(numbers.bias[output])
      var expected = Double(layer.bias[output])
      for input in 0..<numbers.inputs {
        got += numbers.weight(output, input) * Double(bias[input])
        expected += Double(layer.weight[output * layer.inputs + input]) * Double(exact.ln1.bias[input])
      }
      return Float(got - expected * scales[output])
    }
  }

  /// Integers per float unit of each channel of the hidden layer. The file has that of the activation's input; smoothing
  /// scales the channels of what a gate is multiplied by, each by a factor that least squares over its weights give.
  private static func hiddenScales(
    _ numbers: LayerNumbers, _ exact: FloatLinear, _ gain: [Float], _ exactGain: [Float], _ integer: IntegerModel,
    _ index: Int
  ) -> [Double] {
    let scale = Double(sign: .plus, exponent: integer.hiddenFractionBits(block: index), significand: 1)
    guard integer.configuration.isGated else { return Array(repeating: scale, count: numbers.outputs) }
    let half = numbers.outputs / 2
    return Array(repeating: scale, count: half) + rowFactors(numbers, exact, gain, exactGain)[half...]
  }

  /// The factors and shifts of a norm's channels: smoothing scales them, centering shifts them.
  private static func headNorm(_ numbers: NormNumbers?, _ exact: FloatNorm?) -> ModelBasis.HeadNorm? {
    guard let numbers, let exact, numbers.gain.count == exact.gain.count else { return nil }
    let scale = zip(numbers.gain, exact.gain).map { Float(usable(Double($0), over: Double($1))) }
    return ModelBasis.HeadNorm(
      scale: scale, shift: scale.indices.map { numbers.bias[$0] - scale[$0] * exact.bias[$0] })
  }

  /// For each output the factor that brings the float model's weights nearest to the int8 model's. That of an output
  /// without weights, such as the query of attention pooling, is the factor of its bias; 1 where there is neither.
  private static func rowFactors(
    _ numbers: LayerNumbers, _ exact: FloatLinear, _ gain: [Float], _ exactGain: [Float]
  ) -> [Double] {
    (0..<numbers.outputs).map { output in
      let sums = products(numbers, exact, output, gain, exactGain)
      if sums.square > 0 { return usable(sums.product, over: sums.square) }
      return usable(Double(numbers.bias[output]), over: Double(exact.bias[output]))
    }
  }

  /// The product of both models' weights of an output, and that of the float model's with themselves.
  private static func products(
    _ numbers: LayerNumbers, _ exact: FloatLinear, _ output: Int, _ gain: [Float], _ exactGain: [Float]
  ) -> (product: Double, square: Double) {
    var (product, square) = (0.0, 0.0)
    for input in 0..<numbers.inputs {
      let expected = Double(exact.weight[output * exact.inputs + input]) * Double(exactGain[input])
      product += numbers.weight(output, input) * Double(gain[input]) * expected
      square += expected * expected
    }
    return (product, square)
  }

  /// For each input the factor that brings the float model's weights nearest to the int8 model's.
  private static func columnFactors(
    _ numbers: LayerNumbers, _ exact: FloatLinear, _ outputScale: [Float]?, _ residualScale: Double
  ) -> [Double] {
    var products = [Double](repeating: 0, count: numbers.inputs)
    var squares = products
    for output in 0..<numbers.outputs {
      let scale = Double(outputScale?[output] ?? 1)
      for input in 0..<numbers.inputs {
        let expected = Double(exact.weight[output * exact.inputs + input]) * scale
        products[input] += numbers.weight(output, input) / residualScale * expected
        squares[input] += expected * expected
      }
    }
    return zip(products, squares).map { usable($0, over: $1) }
  }

  /// A quotient; 1 where it is no factor.
  private static func usable(_ product: Double, over square: Double) -> Double {
    let factor = square != 0 ? product / square : 1
    return factor.isFinite && factor.magnitude > 1e-30 ? factor : 1
  }
}
