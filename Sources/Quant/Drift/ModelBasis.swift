import Int8Kernels
import ViTLite

/// How the integers inside an int8 model map to the float model's values.
///
/// Calibration does not keep the values of queries, keys, values and attention: smoothing scales their channels,
/// centering shifts keys and values. The file has the results, not the factors. They are found again here from what
/// both models have: each output of `attn_qkv` is the float model's times a factor, which least squares give.
package struct ModelBasis: Sendable {
  package struct Block: Sendable {
    /// Integers per float unit of each query, key and value channel.
    var qkvScale: [Float]
    /// What centering added, in integers: keys and values only. Learned from images, see `learn`.
    var qkvShift: [Float]
    /// Integers per float unit of each channel of attention, and what centering added.
    var attentionScale: [Float]
    var attentionShift: [Float]
    /// Integers per float unit of the MLP's hidden layer.
    var hiddenScale: Float
    let ln1: NormNumbers
    let ln2: NormNumbers
    /// Whether the shifts come from the weights, not from images: where the weights are not the float model's, what
    /// images show is not only centering.
    fileprivate let hasFixedShift: Bool
    fileprivate let valueScales: [Float]
    fileprivate let probabilityScale: Float
  }

  package private(set) var blocks: [Block]
  /// Integers per float unit of the residual stream.
  package let residualScale: Float
  /// From here on the weights are taken to be another model's.
  static let faultyWeights = 0.06
  /// How far the weights of each layer are from the float model's: the length of the difference over that of the
  /// weights. Rounding to 8 bits gives about 0.01.
  package private(set) var weightErrors: [LayerName: Double] = [:]

  package init(_ float: FloatModel, _ integer: IntegerModel, threads: Int) {
    residualScale = Float(sign: .plus, exponent: integer.residualFractionBits, significand: 1)
    let parts = concurrentMap(count: float.configuration.depth, threads: threads) { index in
      BlockComparison(float, integer, index)
    }
    blocks = parts.compactMap(\.block)
    for (index, part) in parts.enumerated() {
      for (layer, error) in part.errors { weightErrors[.block(index, layer)] = error }
    }
    compareEnds(float, integer)
  }

  /// The patch embedding and the head.
  private mutating func compareEnds(_ float: FloatModel, _ integer: IntegerModel) {
    let residualUnit = 1 / Double(residualScale)
    if let numbers = integer.numbers(of: .patchEmbedding) {
      let perChannel = max(numbers.inputs / max(float.configuration.channels, 1), 1)
      weightErrors[.patchEmbedding] = Self.error(numbers, float.patchEmbedding) { output, input in
        (residualUnit, Double(integer.pixelMapping.scale[input / perChannel]))
      }
    }
    let name: LayerName = float.head != nil ? .output : .pooler
    guard let exact = float.head ?? float.pooler, let numbers = integer.numbers(of: name) else { return }
    let unit = Double(sign: .plus, exponent: -integer.outputFractionBits - integer.headInputExponent, significand: 1)
    weightErrors[name] = Self.error(numbers, exact) { _, _ in (unit, 1) }
  }

  /// - Parameter factors: what the int8 and the float model's weight are multiplied by.
  static func error(
    _ numbers: LayerNumbers, _ exact: FloatLinear, factors: (_ output: Int, _ input: Int) -> (Double, Double)
  ) -> Double {
    guard numbers.outputs == exact.outputs, numbers.inputs == exact.inputs else { return 1 }
    var (signal, noise) = (0.0, 0.0)
    for output in 0..<exact.outputs {
      for input in 0..<exact.inputs {
        let (mine, theirs) = factors(output, input)
        let expected = Double(exact.weight[output * exact.inputs + input]) * theirs
        let difference = numbers.weight(output, input) * mine - expected
        signal += expected * expected
        noise += difference * difference
      }
    }
    return signal > 0 ? (noise / signal).squareRoot() : 0
  }

  /// Sets the shifts of one block's keys and values.
  mutating func setShift(_ block: Int, _ shift: [Float]) { blocks[block].setShift(shift) }

  /// Takes the shifts of keys and values from sums over images.
  package mutating func learn(_ shifts: [[Double]], count: Int) {
    guard count > 0 else { return }
    for index in blocks.indices where index < shifts.count {
      blocks[index].setShift(shifts[index].map { Float($0 / Double(count)) })
    }
  }
}

extension ModelBasis.Block {
  private var width: Int { attentionScale.count }

  /// - Parameter shift: of all 3 x width channels; those of the queries stay 0.
  mutating func setShift(_ shift: [Float]) {
    if hasFixedShift { return }
    take(shift)
  }

  fileprivate mutating func take(_ shift: [Float]) {
    for channel in width..<3 * width { qkvShift[channel] = shift[channel] }
    for channel in 0..<width {
      attentionShift[channel] = qkvShift[2 * width + channel] * valueScales[channel]
    }
  }

  /// The mean over the tokens of integers minus the float values in integers.
  func shift(of values: Matrix<Int16>, from exact: [Float]) -> [Double] {
    var sums = [Double](repeating: 0, count: values.columns)
    for row in 0..<values.rows {
      for column in width..<values.columns {
        sums[column] += Double(values[row, column]) - Double(exact[row * values.columns + column] * qkvScale[column])
      }
    }
    return sums.map { $0 / Double(max(values.rows, 1)) }
  }

  func floats(qkv values: Matrix<Int16>) -> [Float] { Self.floats(values, qkvScale, qkvShift) }
  func floats(attention values: Matrix<Int16>) -> [Float] { Self.floats(values, attentionScale, attentionShift) }

  private static func floats(_ values: Matrix<Int16>, _ scale: [Float], _ shift: [Float]) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(values.rows * values.columns)
    for row in 0..<values.rows {
      for column in 0..<values.columns { result.append((Float(values[row, column]) - shift[column]) / scale[column]) }
    }
    return result
  }

  func write(qkv exact: [Float], to values: Matrix<Int16>) { Self.write(exact, qkvScale, qkvShift, to: values) }
  func write(attention exact: [Float], to values: Matrix<Int16>) {
    Self.write(exact, attentionScale, attentionShift, to: values)
  }

  private static func write(_ exact: [Float], _ scale: [Float], _ shift: [Float], to values: Matrix<Int16>) {
    for row in 0..<values.rows {
      for column in 0..<values.columns {
        let value = exact[row * values.columns + column] * scale[column] + shift[column]
        values[row, column] = Int16(min(max(value.rounded(), -32768), 32767))
      }
    }
  }
}

/// One block's weights in both models.
private struct BlockComparison: Sendable {
  var block: ModelBasis.Block?
  var errors: [BlockLayer: Double] = [:]

  init(_ float: FloatModel, _ integer: IntegerModel, _ index: Int) {
    let exact = float.blocks[index]
    let width = float.configuration.width
    let (ln1, ln2) = (integer.numbers(ofNorm: 1, block: index), integer.numbers(ofNorm: 2, block: index))
    func numbers(_ layer: BlockLayer) -> LayerNumbers? { integer.numbers(of: .block(index, layer)) }
    guard let qkv = numbers(.attnQKV), let out = numbers(.attnOut), let up = numbers(.ffnUp),
      let down = numbers(.ffnDown), qkv.outputs == 3 * width
    else { return }
    let residualScale = Double(sign: .plus, exponent: integer.residualFractionBits, significand: 1)
    let valueScales = integer.valueScales(block: index)
    // Both models' weights on normalised rows: times the norm's gain.
    var scales = Self.rowFactors(qkv, exact.layers.attnQKV, ln1.gain, exact.ln1.gain)
    let columns = Self.columnFactors(out, exact.layers.attnOut, exact.layerScale1, residualScale)
    func projectionError() -> Double {
      ModelBasis.error(qkv, exact.layers.attnQKV) { output, input in
        (Double(ln1.gain[input]) / scales[output], Double(exact.ln1.gain[input]))
      }
    }
    let outError = ModelBasis.error(out, exact.layers.attnOut) { output, input in
      (1 / residualScale / columns[input], Double(exact.layerScale1?[output] ?? 1))
    }
    // The factors of the values are in two layers, of which the one nearer to the float model is right.
    let isFault = projectionError() > ModelBasis.faultyWeights
    if isFault, outError < ModelBasis.faultyWeights {
      for channel in 0..<width {
        let scale = Double(float.probabilityScale) / (columns[channel] * valueScales[channel])
        if scale.isFinite, scale.magnitude > 1e-30 { scales[2 * width + channel] = scale }
      }
    }
    errors[.attnQKV] = projectionError()
    errors[.attnOut] = outError
    let hiddenScale = Double(sign: .plus, exponent: integer.hiddenFractionBits(block: index), significand: 1)
    errors[.ffnUp] = ModelBasis.error(up, exact.layers.ffnUp) { _, input in
      (Double(ln2.gain[input]) / hiddenScale, Double(exact.ln2.gain[input]))
    }
    errors[.ffnDown] = ModelBasis.error(down, exact.layers.ffnDown) { output, _ in
      (hiddenScale / residualScale, Double(exact.layerScale2?[output] ?? 1))
    }
    let attentionScale = (0..<width).map { channel -> Float in
      let scale = Float(scales[2 * width + channel] * valueScales[channel]) / float.probabilityScale
      return scale.magnitude > 0 && scale.isFinite ? scale : 1
    }
    block = ModelBasis.Block(
      qkvScale: scales.map { Float($0) }, qkvShift: Array(repeating: 0, count: 3 * width),
      attentionScale: attentionScale, attentionShift: Array(repeating: 0, count: width),
      hiddenScale: Float(hiddenScale), ln1: ln1, ln2: ln2, hasFixedShift: isFault,
      valueScales: valueScales.map { Float($0) }, probabilityScale: float.probabilityScale)
    if isFault { block?.take(Self.shifts(qkv, exact, ln1.bias, scales)) }
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

  /// For each output the factor that brings the float model's weights nearest to the int8 model's; 1 where there are
  /// none.
  private static func rowFactors(
    _ numbers: LayerNumbers, _ exact: FloatLinear, _ gain: [Float], _ exactGain: [Float]
  ) -> [Double] {
    (0..<numbers.outputs).map { output in
      var (product, square) = (0.0, 0.0)
      for input in 0..<numbers.inputs {
        let expected = Double(exact.weight[output * exact.inputs + input]) * Double(exactGain[input])
        product += numbers.weight(output, input) * Double(gain[input]) * expected
        square += expected * expected
      }
      return usable(product, over: square)
    }
  }

  /// The same for each input.
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

  private static func usable(_ product: Double, over square: Double) -> Double {
    let factor = square > 0 ? product / square : 1
    return factor.isFinite && factor.magnitude > 1e-30 ? factor : 1
  }
}
