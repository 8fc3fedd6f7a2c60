import Int8Kernels
import ViTLite

/// Turns a float linear layer into an integer one.
struct LinearQuantizer {
  /// The real value of one unit of `accumulator * row multiplier`, for a weight of 1.
  var inputUnit: Double
  /// The real value of one unit of each output.
  var outputUnits: [Double]
  /// The shifts that the file can hold; for a provisional unit, also those that a settled one may bring among them.
  var shifts = Self.validShifts

  static let validShifts = 0...62

  /// Quantizes the weights with a symmetric scale for each output. The scale is exactly `multiplier / 2^shift`, so that
  /// only the rounding and clipping of the weights change the result, not the multiplier.
  ///
  /// - Parameter seen: sampled inputs. The weights are rounded so that the outputs for these change least, and the mean
  ///   of the remaining error is subtracted from the bias. Without them, weights are rounded to nearest.
  func quantize(_ layer: FloatLinear, seen: LayerInputs? = nil) -> RoundedLinear {
    let outputs = layer.outputs
    let inputs = layer.inputs
    let ratios = (0..<outputs).map { output -> Double in
      let row = layer.weight[output * inputs..<(output + 1) * inputs]
      let largest = row.reduce(0) { max($0, Double($1.magnitude)) }
      return largest / 127 * inputUnit / outputUnits[output]
    }
    let hasScale = Self.hasScale(ratios.reduce(0) { max($0, $1.magnitude) })
    let shift = hasScale ? Self.shift(for: ratios, in: shifts) : Self.validShifts.lowerBound
    let (multipliers, levels) = round(layer, ratios: ratios, shift: shift, seen: seen)
    let steps = steps(multipliers, shift: shift)
    let padding = WeightLayout.paddedOutputs(outputs) - outputs
    let multiplier = multipliers + [Int32](repeating: 0, count: padding)
    var weights = [Int8](repeating: 0, count: outputs * inputs)
    var sums = [Int32](repeating: 0, count: multiplier.count)
    var exactBias = [Double](repeating: 0, count: outputs)
    var reach = exactBias
    var accumulatorBound = Int64(0)
    for output in 0..<outputs {
      var magnitude: Int64 = 0
      var correction = 0.0
      for input in 0..<inputs {
        let weight = Int8(min(max(levels[output * inputs + input], -127), 127))
        weights[output * inputs + input] = weight
        sums[output] += Int32(weight)
        magnitude += Int64(weight.magnitude)
        if let seen {
          correction += Double(seen.exactMean[input]) * Double(layer.weight[output * inputs + input])
          correction -= Double(seen.quantizedMean[input]) * Double(weight) * steps[output]
        }
      }
      exactBias[output] = Double(layer.bias[output]) + correction
      let accumulator = 255 * magnitude
      accumulatorBound = max(accumulatorBound, accumulator)
      reach[output] = Double(accumulator) * 32767 * Double(multiplier[output]) * Self.power(-shift)
    }
    let quantized = QuantizedLinear(
      weights: WeightLayout.pack(weights, outputs: outputs, inputs: inputs), multiplier: multiplier,
      columnSum: sums, bias: [Int32](repeating: 0, count: multiplier.count), outputs: outputs, inputs: inputs,
      shift: Int32(shift), accumulatorBound: accumulatorBound, outputBound: 0)
    return RoundedLinear(
      quantized, exactBias: exactBias, outputUnits: outputUnits, reach: reach, hasScale: hasScale)
  }

  /// The same with int16 weights in two planes: `level = high * 2^7 + low`.
  func quantizeWide(_ layer: FloatLinear) -> RoundedLinear {
    var rounded = quantize(layer)
    var wide = rounded.layer
    let (outputs, inputs) = (layer.outputs, layer.inputs)
    var high = [Int8](repeating: 0, count: outputs * inputs)
    var low = high
    var lowSums = [Int32](repeating: 0, count: wide.columnSum.count)
    var reaches = [Double](repeating: 0, count: outputs)
    let limit = Double(WideLayer.weightLimit)
    for output in 0..<outputs {
      let scale = Double(wide.multiplier[output]) * Self.power(-Int(wide.shift))
      let step = scale * outputUnits[output] / inputUnit / 128
      var reach = (high: Int64(0), low: Int64(0))
      wide.columnSum[output] = 0
      for index in output * inputs..<(output + 1) * inputs {
        let level = Int(min(max((Double(layer.weight[index]) / step).rounded(), -limit), limit))
        let upper = (level + 64) >> 7
        high[index] = Int8(upper)
        low[index] = Int8(level - 128 * upper)
        wide.columnSum[output] += Int32(high[index])
        lowSums[output] += Int32(low[index])
        reach.high += Int64(high[index].magnitude)
        reach.low += Int64(low[index].magnitude)
      }
      wide.accumulatorBound = max(wide.accumulatorBound, 255 * reach.high, 255 * reach.low)
      let levels = 255 * Double(reach.high) + (127 * Double(reach.high) + 255 * Double(reach.low)) / 128
      reaches[output] = levels * 32767 * scale
    }
    wide.weights = WeightLayout.pack(high, outputs: outputs, inputs: inputs)
    wide.low = WeightLayout.pack(low, outputs: outputs, inputs: inputs)
    wide.lowColumnSum = lowSums
    rounded.widen(wide, reach: reaches)
    return rounded
  }

  /// Shares of each output's largest weight that are tried as the end of its range.
  private static let clippings = [0.95, 0.9, 0.85, 0.8, 0.7, 0.6]

  /// The integer weights, as floats, and the multiplier of each output's scale.
  ///
  /// With sampled inputs, each output's range is clipped to where the output drifts least.
  private func round(
    _ layer: FloatLinear, ratios: [Double], shift: Int, seen: LayerInputs?
  ) -> (multipliers: [Int32], levels: [Float]) {
    let inputs = layer.inputs
    var multipliers = ratios.map { Self.multiplier($0, shift: shift) }
    guard let seen, let rounding = WeightRounding(rows: seen.rows, inputs: inputs) else {
      let steps = steps(multipliers, shift: shift)
      return (
        multipliers, layer.weight.indices.map { Float((Double(layer.weight[$0]) / steps[$0 / inputs]).rounded()) }
      )
    }
    func rounded(_ multipliers: [Int32]) -> (levels: [Float], losses: [Float]) {
      rounding.round(layer, steps: steps(multipliers, shift: shift).map { Float($0) }, limit: 127)
    }
    var (levels, losses) = rounded(multipliers)
    for clipping in Self.clippings {
      let clipped = ratios.map { Self.multiplier($0 * clipping, shift: shift) }
      let candidate = rounded(clipped)
      for output in multipliers.indices where candidate.losses[output] < losses[output] {
        let row = output * inputs..<(output + 1) * inputs
        levels.replaceSubrange(row, with: candidate.levels[row])
        losses[output] = candidate.losses[output]
        multipliers[output] = clipped[output]
      }
    }
    return (multipliers, levels)
  }

  /// The real value of one level of each output's weights.
  private func steps(_ multipliers: [Int32], shift: Int) -> [Double] {
    multipliers.indices.map { Double(multipliers[$0]) * Self.power(-shift) * outputUnits[$0] / inputUnit }
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

  /// The nearest int32.
  static func integer(_ value: Double) -> Int32 {
    Int32(min(max(value.rounded(), -0x1p30), 0x1p30))
  }
}

extension QuantizedNorm {
  /// - Parameters:
  ///   - unit: the real value of one unit of the output.
  ///   - inputFractionBits: of the residual stream.
  init(_ norm: FloatNorm, epsilon: Double, unit: Double, inputFractionBits: Int) {
    let width = Double(norm.gain.count)
    let ratios = norm.gain.map { Double($0) * width.squareRoot() / unit }
    let shift = LinearQuantizer.shift(for: ratios, in: -15...16)
    gain = ratios.map { ratio in
      Int32(min(max((ratio * LinearQuantizer.power(shift)).rounded(), -32767), 32767))
    }
    bias = norm.bias.map { LinearQuantizer.integer(Double($0) / unit) }
    self.shift = Int32(shift)
    let scaled = epsilon * width * LinearQuantizer.power(2 * inputFractionBits)
    self.epsilon = Int64(min(scaled.rounded(), 0x1p59))
  }
}
