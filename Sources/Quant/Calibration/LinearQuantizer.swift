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
  var threads = 1

  static let validShifts = LinearLayer.validShifts(isWide: false)

  /// Quantizes the weights with a symmetric scale for each output. The scale is exactly `multiplier / 2^shift`, so that
  /// only the rounding and clipping of the weights change the result, not the multiplier.
  ///
  /// - Parameter seen: sampled inputs. The weights are rounded so that the outputs for these change least, and the mean
  ///   of the remaining error is subtracted from the bias. Without them, weights are rounded to nearest.
  func quantize(_ layer: FloatLinear, seen: LayerInputs? = nil) -> RoundedLinear {
    let (outputs, inputs) = (layer.outputs, layer.inputs)
    let scale = scale(of: layer)
    let (multipliers, levels) = round(layer, scale, seen: seen)
    let steps = steps(multipliers, shift: scale.shift)
    let factor = Self.power(-scale.shift)
    let pieces = inPieces(outputs) { range in
      var piece = Piece()
      for output in range {
        var sum: Int32 = 0
        var magnitude: Int64 = 0
        var correction = 0.0
        for input in 0..<inputs {
          let level = levels[output * inputs + input]
          sum += Int32(level)
          magnitude += Int64(level.magnitude)
          if let seen {
            correction += Double(seen.exactMean[input]) * Double(layer.weight[output * inputs + input])
            correction -= Double(seen.quantizedMean[input]) * Double(level) * steps[output]
          }
        }
        piece.sums.append(sum)
        piece.exactBias.append(Double(layer.bias[output]) + correction)
        piece.accumulatorBound = max(piece.accumulatorBound, 255 * magnitude)
        piece.reach.append(Double(255 * magnitude) * 32767 * Double(multipliers[output]) * factor)
      }
      return piece
    }
    let padding = [Int32](repeating: 0, count: WeightLayout.paddedOutputs(outputs) - outputs)
    let quantized = QuantizedLinear(
      weights: WeightLayout.pack(levels, outputs: outputs, inputs: inputs), multiplier: multipliers + padding,
      columnSum: pieces.flatMap(\.sums) + padding, bias: [Int32](repeating: 0, count: outputs + padding.count),
      outputs: outputs, inputs: inputs, shift: Int32(scale.shift),
      accumulatorBound: pieces.reduce(0) { max($0, $1.accumulatorBound) }, outputBound: 0)
    return RoundedLinear(
      quantized, exactBias: pieces.flatMap(\.exactBias), outputUnits: outputUnits, reach: pieces.flatMap(\.reach),
      hasScale: scale.isFound)
  }

  /// What some outputs of a layer contribute to it.
  private struct Piece: Sendable {
    var sums: [Int32] = []
    var exactBias: [Double] = []
    var reach: [Double] = []
    var accumulatorBound = Int64(0)
    /// Of a wide layer.
    var high: [Int8] = []
    var low: [Int8] = []
    var lowSums: [Int32] = []
  }

  private func inPieces<Result: Sendable>(
    _ outputs: Int, _ body: @escaping @Sendable (Range<Int>) -> Result
  ) -> [Result] {
    let size = 64
    return concurrentMap(count: (outputs + size - 1) / size, threads: threads) { piece in
      body(piece * size..<min((piece + 1) * size, outputs))
    }
  }

  /// The same with int16 weights in two planes: `level = high * 2^7 + low`.
  ///
  /// - Parameter keepsWeights: false where only the bounds are needed.
  func quantizeWide(_ layer: FloatLinear, keepsWeights: Bool = true) -> RoundedLinear {
    var narrow = self
    if shifts == Self.validShifts { narrow.shifts = LinearLayer.validShifts(isWide: true) }
    var rounded = narrow.quantize(layer)
    var wide = rounded.layer
    let (outputs, inputs) = (layer.outputs, layer.inputs)
    let steps = steps(wide.multiplier, shift: Int(wide.shift))
    let scales = wide.multiplier.map { Double($0) * Self.power(-Int(wide.shift)) }
    let limit = Double(WideLayer.weightLimit)
    let pieces = inPieces(outputs) { range in
      var piece = Piece()
      for output in range {
        let step = steps[output] / 128
        var reach = (high: Int64(0), low: Int64(0))
        var sums = (high: Int32(0), low: Int32(0))
        for index in output * inputs..<(output + 1) * inputs {
          let level = Int(min(max(Double(layer.weight[index]) / step, -limit), limit).rounded())
          let upper = (level + 64) >> 7
          let (high, low) = (Int8(upper), Int8(level - 128 * upper))
          sums.high += Int32(high)
          sums.low += Int32(low)
          reach.high += Int64(high.magnitude)
          reach.low += Int64(low.magnitude)
          if keepsWeights {
            piece.high.append(high)
            piece.low.append(low)
          }
        }
        piece.sums.append(sums.high)
        piece.lowSums.append(sums.low)
        piece.accumulatorBound = max(piece.accumulatorBound, 255 * reach.high, 255 * reach.low)
        let levels = 255 * Double(reach.high) + (127 * Double(reach.high) + 255 * Double(reach.low)) / 128
        piece.reach.append(levels * 32767 * scales[output])
      }
      return piece
    }
    let padding = [Int32](repeating: 0, count: wide.columnSum.count - outputs)
    wide.columnSum = pieces.flatMap(\.sums) + padding
    wide.lowColumnSum = pieces.flatMap(\.lowSums) + padding
    wide.accumulatorBound = pieces.reduce(wide.accumulatorBound) { max($0, $1.accumulatorBound) }
    if keepsWeights {
      wide.weights = WeightLayout.pack(pieces.flatMap(\.high), outputs: outputs, inputs: inputs)
      wide.low = WeightLayout.pack(pieces.flatMap(\.low), outputs: outputs, inputs: inputs)
    } else {
      wide.weights = []
    }
    rounded.widen(wide, reach: pieces.flatMap(\.reach))
    return rounded
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
    let ratios = zip(largest.joined(), outputUnits).map { Double($0) / 127 * inputUnit / $1 }
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
