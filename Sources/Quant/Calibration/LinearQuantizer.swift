import Int8Kernels
import ViTLite

/// Turns a float linear layer into an integer one.
struct LinearQuantizer {
  /// The real value of one unit of `accumulator * row multiplier`, for a weight of 1 and inputs of 8 bits.
  var inputUnit: Double
  /// By how many bits the inputs of the wide form are finer.
  var finerBits = Int(WideLayer.levelBits)
  /// The real value of one unit of each output.
  var outputUnits: [Double]
  /// The shifts that the file can hold; for a provisional unit, also those that a settled one may bring among them.
  var shifts = Self.validShifts
  var threads = 1

  static let validShifts = LinearLayer.validShifts

  /// Quantizes the weights with a symmetric scale for each output. The scale is exactly `multiplier / 2^shift`, so that
  /// only the rounding and clipping of the weights change the result, not the multiplier.
  ///
  /// - Parameter seen: sampled inputs. The weights are rounded so that the outputs for these change least, and the mean
  ///   of the remaining error is subtracted from the bias. Without them, weights are rounded to nearest.
  func quantize(_ layer: FloatLinear, seen: LayerInputs? = nil) -> RoundedLinear {
    let scale = scale(of: layer)
    let (multipliers, levels) = round(layer, scale, seen: seen)
    let steps = steps(multipliers, shift: scale.shift)
    let pieces = inPieces(layer.outputs) { range in
      var piece = Piece()
      for output in range {
        var correction = 0.0
        if let seen {
          for input in 0..<layer.inputs {
            let level = levels[output * layer.inputs + input]
            correction += Double(seen.exactMean[input]) * Double(layer.weight[output * layer.inputs + input])
            correction -= Double(seen.quantizedMean[input]) * Double(level) * steps[output]
          }
        }
        piece.exactBias.append(Double(layer.bias[output]) + correction)
        piece.append(levels[output * layer.inputs..<(output + 1) * layer.inputs])
      }
      return piece
    }
    let weights = PackedWeights.int8(WeightLayout.pack(levels, outputs: layer.outputs, inputs: layer.inputs))
    return rounded(layer, weights, multipliers, scale, pieces, levelLimit: 255)
  }

  /// The same with int16 weights, rounded to nearest on a scale with which no sum of products can leave int32, for inputs
  /// that are finer by `finerBits`.
  ///
  /// - Parameter keepsWeights: false where only the bounds are needed.
  func quantizeWide(_ layer: FloatLinear, keepsWeights: Bool = true) -> RoundedLinear {
    var finer = self
    finer.inputUnit *= Self.power(-finerBits)
    return finer.quantizeExact(layer, keepsWeights: keepsWeights)
  }

  private func quantizeExact(_ layer: FloatLinear, keepsWeights: Bool) -> RoundedLinear {
    let inputs = layer.inputs
    let scale = wideScale(of: layer)
    let multipliers = scale.ratios.map { Self.multiplier($0, shift: scale.shift) }
    let steps = steps(multipliers, shift: scale.shift)
    let pieces = inPieces(layer.outputs) { range in
      var piece = Piece()
      for output in range {
        let levels = layer.weight[output * inputs..<(output + 1) * inputs].map { weight in
          Int16(min(max((Double(weight) / steps[output]).rounded(), -32767), 32767))
        }
        piece.exactBias.append(Double(layer.bias[output]))
        piece.append(levels[...])
        if keepsWeights { piece.wideLevels += levels }
      }
      return piece
    }
    let levels = pieces.flatMap(\.wideLevels)
    let weights = keepsWeights ? WeightLayout.pack(levels, outputs: layer.outputs, inputs: inputs) : []
    return rounded(layer, .int16(weights), multipliers, scale, pieces, levelLimit: WideLayer.levelLimit)
  }

  /// What some outputs of a layer contribute to it.
  private struct Piece: Sendable {
    var exactBias: [Double] = []
    /// For each output, the sum of its levels and of their magnitudes.
    var sums: [Int32] = []
    var magnitudes: [Int64] = []
    /// Of a wide layer.
    var wideLevels: [Int16] = []

    mutating func append<Level: FixedWidthInteger>(_ levels: ArraySlice<Level>) {
      sums.append(levels.reduce(0) { $0 &+ Int32(truncatingIfNeeded: $1) })
      magnitudes.append(levels.reduce(0) { $0 + Int64($1.magnitude) })
    }
  }

  /// - Parameter levelLimit: the largest magnitude of an input's level, less its zero point.
  private func rounded(
    _ layer: FloatLinear, _ weights: PackedWeights, _ multipliers: [Int32], _ scale: Scale, _ pieces: [Piece],
    levelLimit: Int64
  ) -> RoundedLinear {
    let padding = [Int32](repeating: 0, count: WeightLayout.paddedOutputs(layer.outputs) - layer.outputs)
    let bounds = pieces.flatMap(\.magnitudes).map { levelLimit * $0 }
    let factor = 32767 * Self.power(-scale.shift)
    let quantized = QuantizedLinear(
      weights: weights, multiplier: multipliers + padding, columnSum: pieces.flatMap(\.sums) + padding,
      bias: [Int32](repeating: 0, count: layer.outputs + padding.count), outputs: layer.outputs, inputs: layer.inputs,
      shift: Int32(scale.shift), accumulatorBound: bounds.max() ?? 0, outputBound: 0)
    return RoundedLinear(
      quantized, exactBias: pieces.flatMap(\.exactBias), outputUnits: outputUnits,
      reach: zip(bounds, multipliers).map { Double($0) * Double($1) * factor }, hasScale: scale.isFound)
  }

  private func inPieces<Result: Sendable>(
    _ outputs: Int, _ body: @escaping @Sendable (Range<Int>) -> Result
  ) -> [Result] {
    let size = 64
    return concurrentMap(count: (outputs + size - 1) / size, threads: threads) { piece in
      body(piece * size..<min((piece + 1) * size, outputs))
    }
  }

  // MARK: Scales

  /// The scales of a layer's outputs before clipping.
  private struct Scale {
    /// Each output's scale in units of the layer's output.
    var ratios: [Double]
    var shift: Int
    /// False for a layer of zeros.
    var isFound: Bool
  }

  private func scale(of layer: FloatLinear) -> Scale {
    let largest = inPieces(layer.outputs) { range in
      range.map { output in
        let row = layer.weight[output * layer.inputs..<(output + 1) * layer.inputs]
        return row.reduce(0) { max($0, $1.magnitude) }
      }
    }
    return self.scale(ofSteps: largest.joined().map { Double($0) / 127 })
  }

  /// The scale with which the weights of an output fit 16 bits, and their sum, rounded, is within the limit.
  private func wideScale(of layer: FloatLinear) -> Scale {
    let limit = Double(WideLayer.weightSumLimit) - Double(layer.inputs) / 2
    let steps = inPieces(layer.outputs) { range in
      range.map { output in
        var (largest, sum) = (0.0, 0.0)
        for weight in layer.weight[output * layer.inputs..<(output + 1) * layer.inputs] {
          largest = max(largest, Double(weight.magnitude))
          sum += Double(weight.magnitude)
        }
        return max(largest / 32767, sum / limit)
      }
    }
    return scale(ofSteps: Array(steps.joined()))
  }

  /// - Parameter steps: the real value of one level of each output's weights.
  private func scale(ofSteps steps: [Double]) -> Scale {
    let ratios = zip(steps, outputUnits).map { $0 * inputUnit / $1 }
    let isFound = Self.hasScale(ratios.reduce(0) { max($0, $1.magnitude) })
    let shift = isFound ? Self.shift(for: ratios, in: shifts) : Self.validShifts.lowerBound
    return Scale(ratios: ratios, shift: shift, isFound: isFound)
  }

  /// Shares of each output's largest weight that are tried as the end of its range.
  private static let clippings = [1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6]

  /// The integer weights and the multiplier of each output's scale.
  ///
  /// With sampled inputs, each output's range is clipped to where the output drifts least.
  private func round(
    _ layer: FloatLinear, _ scale: Scale, seen: LayerInputs?
  ) -> (multipliers: [Int32], levels: [Int8]) {
    let (inputs, shift) = (layer.inputs, scale.shift)
    guard let seen, let rounding = WeightRounding(rows: seen.rows, inputs: inputs, threads: threads) else {
      let multipliers = scale.ratios.map { Self.multiplier($0, shift: shift) }
      let steps = steps(multipliers, shift: shift)
      let levels = inPieces(layer.outputs) { range in
        (range.lowerBound * inputs..<range.upperBound * inputs).map { index in
          Int8(min(max((Double(layer.weight[index]) / steps[index / inputs]).rounded(), -127), 127))
        }
      }
      return (multipliers, Array(levels.joined()))
    }
    let multipliers = Self.clippings.map { clipping in
      scale.ratios.map { Self.multiplier($0 * clipping, shift: shift) }
    }
    let rounded = rounding.round(
      layer, candidates: multipliers.map { steps($0, shift: shift).map { Float($0) } }, limit: 127)
    return (rounded.choices.indices.map { multipliers[rounded.choices[$0]][$0] }, rounded.levels)
  }

  /// The real value of one level of each output's weights.
  private func steps(_ multipliers: [Int32], shift: Int) -> [Double] {
    outputUnits.indices.map { Double(multipliers[$0]) * Self.power(-shift) * outputUnits[$0] / inputUnit }
  }

  /// The largest shift with which all multipliers fit 15 bits.
  static func shift(for ratios: [Double], in range: ClosedRange<Int>) -> Int {
    let largest = ratios.reduce(0) { max($0, $1.magnitude) }
    guard hasScale(largest) else { return range.lowerBound }
    // largest < 2^(exponent + 1), so largest * 2^(13 - exponent) < 2^14 <= 32767.
    let exponent = Int(largest.exponent)
    let shift = largest * power(14 - exponent) <= 32766 ? 14 - exponent : 13 - exponent
    return min(max(shift, range.lowerBound), range.upperBound)
  }

  /// Whether a shift follows from the largest ratio.
  private static func hasScale(_ largest: Double) -> Bool { largest > 0 && largest.isFinite }

  /// The multiplier of a ratio, rounded up, because with a smaller scale the largest weight would be beyond 127.
  private static func multiplier(_ ratio: Double, shift: Int) -> Int32 {
    Int32(min(max((ratio * power(shift)).rounded(.up), 1), 32767))
  }

  static func power(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }

  /// The nearest integer within 30 bits and a sign; 0 for NaN.
  static func integer(_ value: Double) -> Int32 {
    value.isNaN ? 0 : Int32(min(max(value.rounded(), -0x1p30), 0x1p30))
  }
}

extension QuantizedNorm {
  /// - Parameters:
  ///   - unit: the real value of one unit of the output.
  ///   - inputUnit: the real value of one unit of the input.
  ///   - length: of the rows, where several with gains of their own lie side by side; nil for the number of gains.
  init(_ norm: FloatNorm, epsilon: Double, unit: Double, inputUnit: Double, length: Int? = nil) {
    let width = Double(length ?? norm.gain.count)
    let ratios = norm.gain.map { Double($0) * width.squareRoot() / unit }
    let shift = LinearQuantizer.shift(for: ratios, in: -15...16)
    gain = ratios.map { ratio in
      Int32(min(max((ratio * LinearQuantizer.power(shift)).rounded(), -32767), 32767))
    }
    bias = norm.bias.map { LinearQuantizer.integer(Double($0) / unit) }
    self.shift = Int32(shift)
    let scaled = epsilon * width / (inputUnit * inputUnit)
    self.epsilon = Int64(min(scaled.rounded(), 0x1p59))
  }
}
