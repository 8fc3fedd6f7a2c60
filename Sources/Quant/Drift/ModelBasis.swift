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
    /// The same of queries and keys after their norms; nil where they have none.
    let queryNorm: HeadNorm?
    let keyNorm: HeadNorm?
    /// Integers per float unit of each channel of attention, and what centering added.
    var attentionScale: [Float]
    var attentionShift: [Float]
    /// Integers per float unit of each channel of the MLP's hidden layer.
    let hiddenScale: [Float]
    let ln1: NormNumbers
    let ln2: NormNumbers
    /// Channels of keys and values that centering may have shifted.
    let centered: [Range<Int>]
    /// Whether the shifts come from the weights, not from images: where the weights are not the float model's, what
    /// images show is not only centering.
    let hasFixedShift: Bool
    let valueScales: [Float]
  }

  /// Of the norm of each head's queries or keys: integers per float unit of each channel, and what centering added.
  struct HeadNorm: Sendable {
    var scale: [Float]
    var shift: [Float]
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
    let parts = concurrentMap(count: float.configuration.blockCount, threads: threads) { index in
      BlockComparison(float, integer, index)
    }
    blocks = parts.compactMap(\.block)
    for (index, part) in parts.enumerated() {
      for (layer, error) in part.errors { weightErrors[.block(index, layer)] = error }
    }
    compareEnds(float, integer)
  }

  /// The patch embedding, and the layer that makes the output.
  private mutating func compareEnds(_ float: FloatModel, _ integer: IntegerModel) {
    let residualUnit = 1 / Double(residualScale)
    if let numbers = integer.numbers(of: .patchEmbedding) {
      let perChannel = max(numbers.inputs / max(float.configuration.channels, 1), 1)
      weightErrors[.patchEmbedding] = Self.error(numbers, float.patchEmbedding) { output, input in
        (residualUnit, Double(integer.pixelMapping.scale[input / perChannel]))
      }
    }
    guard let name = integer.outputLayerName, let exact = float.head ?? float.projection ?? float.pooler,
      let numbers = integer.numbers(of: name)
    else { return }
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

  mutating func take(_ shift: [Float]) {
    for channel in centered.joined() { qkvShift[channel] = shift[channel] }
    for channel in 0..<width { attentionShift[channel] = qkvShift[2 * width + channel] * valueScales[channel] }
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
  func floats(hidden values: Matrix<Int16>) -> [Float] { Self.floats(values, hiddenScale, nil) }
  /// - Parameter values: queries, keys and values, of which those that the norm made are taken.
  func floats(_ norm: ModelBasis.HeadNorm, from first: Int, of values: Matrix<Int16>) -> [Float] {
    Self.floats(values.columns(first..<first + width), norm.scale, norm.shift)
  }

  private static func floats(_ values: Matrix<Int16>, _ scale: [Float], _ shift: [Float]?) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(values.rows * values.columns)
    for row in 0..<values.rows {
      for column in 0..<values.columns {
        result.append((Float(values[row, column]) - (shift?[column] ?? 0)) / scale[column])
      }
    }
    return result
  }

  func write(qkv exact: [Float], to values: Matrix<Int16>) { Self.write(exact, qkvScale, qkvShift, to: values) }
  func write(attention exact: [Float], to values: Matrix<Int16>) {
    Self.write(exact, attentionScale, attentionShift, to: values)
  }
  func write(hidden exact: [Float], to values: Matrix<Int16>) { Self.write(exact, hiddenScale, nil, to: values) }

  private static func write(_ exact: [Float], _ scale: [Float], _ shift: [Float]?, to values: Matrix<Int16>) {
    for row in 0..<values.rows {
      for column in 0..<values.columns {
        let value = exact[row * values.columns + column] * scale[column] + (shift?[column] ?? 0)
        values[row, column] = Int16(min(max(value.rounded(), -32768), 32767))
      }
    }
  }
}
