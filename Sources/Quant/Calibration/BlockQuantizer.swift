import Int8Kernels
import ViTLite

/// Turns one smoothed block into integers; the real value of an integer unit is chosen from what calibration saw.
struct BlockQuantizer {
  let configuration: ModelConfiguration
  let options: CalibrationOptions

  /// The residual stream's unit while it is not known; it becomes larger by a power of two.
  private static let residualUnit = LinearQuantizer.power(-RoundedBlock.residualFractionBits)
  /// With that unit, shifts may be lower than later by as many bits as that becomes.
  private static let residualShifts = -62...62

  /// The largest value that calibration saw becomes this int16: half of the range, so that values up to twice as large
  /// still fit.
  static let seenLevel = 16384.0

  /// A value channel's range is this many times the largest magnitude that calibration saw in it. Other images have
  /// larger values, and clipping them costs more accuracy than the coarser steps.
  static let valueHeadroom = 1.15

  /// What static ranges are multiplied by, for the same reason; the hidden layer has the largest outliers.
  private static let rangeHeadroom: Float = 1.15
  private static let hiddenHeadroom: Float = 1.3

  /// The unit of an int16 tensor.
  static func unit(magnitude: Float) -> Double { max(Double(magnitude), 1e-6) / seenLevel }

  /// The static range of an activation; nil for a scale for each row.
  private func range(_ observer: HistogramObserver, _ factors: RangeFactors = RangeFactors()) -> ValueRange? {
    guard options.activations == .static else { return nil }
    return observer.range(options.observer ?? .minmax).scaled(low: factors.low, high: factors.high)
  }

  /// The static range of what a layer reads; nil for a scale for each row.
  private func range(of layer: BlockLayer, _ observer: HistogramObserver, _ factors: RangeFactors) -> ValueRange? {
    guard let range = range(observer, factors) else { return nil }
    // A range that was asked for by name is what it says.
    guard options.observer == nil else { return range }
    guard layer == .ffnDown else { return range.scaled(low: Self.rangeHeadroom, high: Self.rangeHeadroom) }
    // What an activation gives is bounded below.
    let isBounded = !configuration.isGated && !configuration.normsHidden
    return range.scaled(low: isBounded ? 1 : Self.hiddenHeadroom, high: Self.hiddenHeadroom)
  }

  /// A static range in int16 units.
  static func quantizer(_ range: ValueRange?, unit: Double) -> ActivationQuantizer {
    guard let range else { return .dynamic }
    return .fixed(RowQuantizer(minimum: level(range.low, unit: unit), maximum: level(range.high, unit: unit)))
  }

  private static func level(_ value: Float, unit: Double) -> Int32 {
    Int32(min(max((Double(value) / unit).rounded(), -32768), 32767))
  }

  /// The real value of one unit of `accumulator * row multiplier`, for a weight of 1 and uint8 rows that were quantized
  /// from int16 values of this unit.
  static func inputUnit(_ unit: Double) -> Double { unit * 2 / 255 }

  /// - Parameters:
  ///   - seen: statistics of the block.
  ///   - factors: what static ranges are multiplied by.
  ///   - inputs: sampled inputs of the layers, which are taken out; nil to round weights to nearest.
  ///   - isWide: whether all layers get int16 weights.
  ///   - keepsWeights: of a wide layer; false where only its bounds are needed.
  func quantize(
    _ block: FloatBlock, _ seen: BlockStatistics, _ factors: ClippingFactors, _ inputs: inout BlockLayers<[Float]>?,
    isWide: Bool, keepsWeights: (BlockLayer) -> Bool = { _ in true }
  ) -> RoundedBlock {
    let width = configuration.width
    let ln1Unit = Self.unit(magnitude: seen.inputs.attnQKV.magnitude.max() ?? 0)
    let attention = attentionUnits(
      seen.qkv, reach: block.reachOfQKV(input: 2 * Self.seenLevel * ln1Unit, headWidth: configuration.headWidth))
    let ln2Unit = Self.unit(magnitude: seen.inputs.ffnUp.magnitude.max() ?? 0)
    let geluBits = Self.geluFractionBits(seen.mlpInput, configuration.activation)
    let geluUnit = LinearQuantizer.power(-Int(geluBits))
    let gate = Self.gateUnits(seen, activationUnit: geluUnit)
    // Before their norms, queries and keys have units of their own.
    let queryUnit = block.queryNorm == nil ? attention.query : Self.unit(magnitude: seen.projectedQuery.magnitude)
    let keyUnit = block.keyNorm == nil ? attention.key : Self.unit(magnitude: seen.projectedKey.magnitude)
    // A value is at most 127 of its units, and attention's output, a weighted mean of values, is not larger. So the
    // largest becomes 32767 * 127/128 at most.
    let outputUnit = (attention.values.max() ?? 1) * 128 / 32767
    let (valueMultiplier, valueShift) = Self.valueMultipliers(attention.values, unit: outputUnit)
    let activatedUnit = configuration.isGated ? gate.product : geluUnit
    let attnOutUnit = Self.unit(magnitude: seen.inputs.attnOut.magnitude.max() ?? 0)
    let hiddenUnit = Self.unit(magnitude: seen.hidden.magnitude)
    let inputUnits = BlockLayers { layer in
      switch layer {
      case .attnQKV: ln1Unit
      case .attnOut: block.attentionNorm == nil ? outputUnit : attnOutUnit
      case .ffnUp: ln2Unit
      case .ffnDown: block.hiddenNorm == nil ? activatedUnit : hiddenUnit
      }
    }
    let outputUnits = BlockLayers { layer in
      switch layer {
      case .attnQKV:
        [Double](repeating: queryUnit, count: width) + [Double](repeating: keyUnit, count: width)
          + attention.values
      case .attnOut, .ffnDown: [Double](repeating: Self.residualUnit, count: width)
      case .ffnUp:
        [Double](repeating: geluUnit, count: configuration.mlpWidth)
          + [Double](repeating: gate.factor, count: configuration.isGated ? configuration.mlpWidth : 0)
      }
    }
    let ranges = BlockLayers { layer in range(of: layer, seen.ranges[layer], factors[layer]) }
    let layers = BlockLayers { name in
      let layer = block.layers[name]
      let addsToResidual = name == .attnOut || name == .ffnDown
      let quantizer = LinearQuantizer(
        inputUnit: Self.inputUnit(inputUnits[name]), outputUnits: outputUnits[name],
        shifts: addsToResidual ? Self.residualShifts : LinearQuantizer.validShifts, threads: options.threads)
      if isWide { return quantizer.quantizeWide(layer, keepsWeights: keepsWeights(name)) }
      let rounding = ranges[name].map { ActivationRounding.fixed($0) } ?? .dynamic
      guard let sampled = inputs?.take(name) else { return quantizer.quantize(layer) }
      return quantizer.quantize(
        layer,
        seen: LayerInputs(consume sampled, inputs: layer.inputs, rounding: rounding, threads: options.threads))
    }
    // The bias of a value channel is rounded to whole 8-bit levels. Because the softmax's weights add up to 1, this
    // rounding error shifts attention's output by the same amount for every token, and an addition to the bias of the
    // projection (`attn_out`) cancels it; not across a norm.
    func projectionBias(_ errors: [Double]) -> [Double] {
      block.attentionNorm == nil ? block.layers.attnOut.product(with: errors[(2 * width)...]) : []
    }
    func innerNorm(_ norm: FloatNorm?, unit: Double, inputUnit: Double, length: Int? = nil) -> QuantizedNorm? {
      norm.map {
        QuantizedNorm(
          $0, epsilon: configuration.layerNormEpsilon, unit: unit, inputUnit: inputUnit, length: length)
      }
    }
    let headWidth = configuration.headWidth
    return RoundedBlock(
      ln1: block.ln1, ln2: block.ln2, ln1Unit: ln1Unit, ln2Unit: ln2Unit, layers: layers,
      projectionBias: projectionBias(layers.attnQKV.biasErrors),
      wideAttention: wideAttention(layers.attnQKV, valueShift: valueShift, projectionBias),
      quantizers: BlockLayers { layer in Self.quantizer(ranges[layer], unit: inputUnits[layer]) },
      queryQuantizers: seen.queries.map { Self.quantizer(range($0), unit: attention.query) },
      keyQuantizers: seen.keys.map { Self.quantizer(range($0), unit: attention.key) },
      scoreShift: attention.scoreShift, valueMultiplier: valueMultiplier, valueShift: valueShift,
      geluFractionBits: geluBits, gateShift: configuration.isGated ? gate.shift : 0,
      queryNorm: innerNorm(block.queryNorm, unit: attention.query, inputUnit: queryUnit, length: headWidth),
      keyNorm: innerNorm(block.keyNorm, unit: attention.key, inputUnit: keyUnit, length: headWidth),
      attentionNorm: innerNorm(block.attentionNorm, unit: attnOutUnit, inputUnit: outputUnit),
      hiddenNorm: innerNorm(block.hiddenNorm, unit: hiddenUnit, inputUnit: activatedUnit),
      hiddenFactors: block.hiddenFactors?.map { Int16(min(max(($0 * 0x1p15).rounded(), 1), 32767)) })
  }

  /// What is different in a block whose attention is wide.
  ///
  /// A value gets 6 more bits for smaller steps and one for twice the range, because other images have larger values than
  /// calibration saw; fewer where the layer's outputs, with any input, would not fit 32 bits.
  private func wideAttention(
    _ layer: RoundedLinear, valueShift: Int32, _ projectionBias: ([Double]) -> [Double]
  ) -> WideAttention<Double> {
    let first = 2 * configuration.width
    var bits = Int(WideValues.lowBits) - 1
    var finer = layer.finerOutputs(from: first, bits: bits)
    while bits > 0, finer.outputBound > Int64(Int32.max) {
      bits -= 1
      finer = layer.finerOutputs(from: first, bits: bits)
    }
    return WideAttention(
      scales: finer.scales, outputBound: finer.outputBound, projectionBias: projectionBias(finer.biasErrors),
      valueShift: valueShift + Int32(bits) - WideValues.lowBits)
  }

  /// The scale of each value channel in units of the attention output, padded to whole panels.
  private static func valueMultipliers(_ values: [Double], unit: Double) -> ([Int32], Int32) {
    let ratios = values.map { $0 / unit }
    let shift = LinearQuantizer.shift(for: ratios, in: -22...16)
    let multipliers = ratios.map { Int32(min(($0 * LinearQuantizer.power(shift)).rounded(), 32767)) }
    let padding = WeightLayout.paddedOutputs(values.count) - values.count
    return (multipliers + Array(repeating: 0, count: padding), Int32(shift))
  }

  /// The units of queries, keys and values.
  ///
  /// A score in base 2 is `accumulator * query multiplier * key multiplier` times
  /// `query * 2/255 * key / 127`; the query's unit is rounded up so that this is a power of two.
  ///
  /// - Parameter reach: the largest magnitude that each channel can have with any input. A channel whose values hardly
  ///   differed in calibration, such as the keys of a model with one token, would otherwise get so small a unit that
  ///   its integers overflow.
  private func attentionUnits(
    _ seen: ChannelObserver, reach: [Double]
  ) -> (query: Double, key: Double, values: [Double], scoreShift: Int32) {
    let width = configuration.width
    let magnitude = zip(seen.magnitude, reach).map { max($0, Float(min($1 * 0x1p-14, 1e30))) }
    let key = Self.unit(magnitude: magnitude[width..<2 * width].max() ?? 0)
    let least = Self.unit(magnitude: magnitude[..<width].max() ?? 0)
    let levels = LinearQuantizer.power(Int(FixedPoint.exp2FractionBits))
    let scorePerQuery = key * 2 / 255 / 127 * levels
    let shift = min(max(-Int((least * scorePerQuery).exponent) - 1, 0), 62)
    let query = LinearQuantizer.power(-shift) / scorePerQuery
    let values = magnitude[(2 * width)...].map { max(Double($0) * Self.valueHeadroom, 1e-6) / 127 }
    return (query, key, values, Int32(shift))
  }

  /// The most fraction bits with which the largest input of GELU fits, and a quarter more. Negative inputs beyond that
  /// may saturate, because GELU gives 0 for them either way.
  private static func geluFractionBits(_ seen: HistogramObserver, _ activation: ActivationFunction) -> Int32 {
    var largest = max(Double(seen.maximum) * 1.25, 1)
    // SiLU and QuickGELU come near 0 only further out.
    if activation != .gelu, seen.minimum.isFinite { largest = max(largest, min(Double(-seen.minimum), 12)) }
    guard largest.isFinite else { return 12 }
    return Int32(min(max(14 - Int(largest.exponent), 5), 12))
  }
}

extension BlockQuantizer {
  /// The units of what a gate's activation is multiplied by and of the product, and the shift that makes the product's
  /// unit a power of two times that of both factors: the largest product that calibration saw is 8192 to 16384 of them.
  private static func gateUnits(
    _ seen: BlockStatistics, activationUnit: Double
  ) -> (factor: Double, product: Double, shift: Int32) {
    let factor = unit(magnitude: seen.gateFactor.magnitude.max() ?? 0)
    let exact = factor * activationUnit
    let ratio = max(Double(seen.gated.magnitude), 1e-6) / exact / seenLevel
    let shift = ratio <= 1 ? 0 : min(Int(ratio.exponent) + 1, 30)
    return (factor, exact * LinearQuantizer.power(shift), Int32(shift))
  }
}

extension FloatBlock {
  /// The largest magnitude of each query, key and value channel, for inputs of at most this magnitude.
  fileprivate func reachOfQKV(input magnitude: Double, headWidth: Int) -> [Double] {
    var reach = layers.attnQKV.reach(input: magnitude)
    let width = layers.attnOut.inputs
    for (part, norm) in [queryNorm, keyNorm].enumerated() {
      guard let norm else { continue }
      // A normalised value is at most sqrt(n) of its deviation.
      for channel in 0..<width {
        reach[part * width + channel] =
          Double(norm.gain[channel].magnitude) * Double(headWidth).squareRoot() + Double(norm.bias[channel].magnitude)
      }
    }
    return reach
  }
}

extension FloatLinear {
  /// The weights' product with a vector, without the bias.
  fileprivate func product(with vector: ArraySlice<Double>) -> [Double] {
    (0..<outputs).map { output in
      zip(weight[output * inputs..<(output + 1) * inputs], vector).reduce(0) { $0 + Double($1.0) * $1.1 }
    }
  }

  /// The largest magnitude of each output for inputs of at most this magnitude.
  fileprivate func reach(input magnitude: Double) -> [Double] {
    (0..<outputs).map { output in
      let row = weight[output * inputs..<(output + 1) * inputs]
      return row.reduce(Double(bias[output].magnitude)) { $0 + Double($1.magnitude) * magnitude }
    }
  }
}

extension BlockLayers<[Float]> {
  /// The rows of one layer, which are not kept here any longer.
  fileprivate mutating func take(_ layer: BlockLayer) -> [Float] {
    let rows = self[layer]
    self[layer] = []
    return rows
  }
}
