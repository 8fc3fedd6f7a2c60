import Int8Kernels
import Quant

/// Turns one smoothed block into integers, with the units that its statistics ask for.
struct BlockQuantizer {
  let configuration: ModelConfiguration
  let options: CalibrationOptions
  let residualFractionBits: Int
  /// Whether all layers get int16 weights.
  let isWide: Bool

  private var residualUnit: Double { LinearQuantizer.power(-residualFractionBits) }

  /// Levels of int16 for the largest value that calibration saw: half, so that twice that still fits.
  static let seenLevel = 16384.0

  /// The unit of an int16 tensor.
  static func unit(magnitude: Float) -> Double { max(Double(magnitude), 1e-6) / seenLevel }

  /// What the range of a static quantizer is in int16 units.
  func quantizer(_ observer: HistogramObserver, unit: Double) -> ActivationQuantizer {
    guard options.activations == .static else { return .dynamic }
    let range = observer.range(options.observer)
    return .fixed(
      RowQuantizer(minimum: Self.level(range.low, unit: unit), maximum: Self.level(range.high, unit: unit)))
  }

  private static func level(_ value: Float, unit: Double) -> Int32 {
    Int32(min(max((Double(value) / unit).rounded(), -32768), 32767))
  }

  /// How the input of a layer is rounded.
  private func rounding(_ observer: HistogramObserver) -> ActivationRounding {
    options.activations == .dynamic ? .dynamic : .fixed(observer.range(options.observer))
  }

  /// From `accumulator * row multiplier` of uint8 rows that were quantized from int16 in this unit.
  static func inputUnit(_ unit: Double) -> Double { unit * 2 / 255 }

  /// - Parameter inputs: what the layers were seen to read; nil to round weights to nearest.
  func quantize(_ block: FloatBlock, _ seen: BlockStatistics, _ inputs: BlockInputs?) -> QuantizedBlock {
    let width = configuration.width
    let norm1Unit = Self.unit(magnitude: seen.norm1.magnitude.max() ?? 0)
    let attention = attentionUnits(seen.qkv, reach: block.qkv.reach(input: 2 * Self.seenLevel * norm1Unit))
    let norm2Unit = Self.unit(magnitude: seen.norm2.magnitude.max() ?? 0)
    let geluBits = Self.geluFractionBits(seen.mlpInput)
    let geluUnit = LinearQuantizer.power(-Int(geluBits))
    let residualUnits = [Double](repeating: residualUnit, count: width)
    let qkvUnits =
      [Double](repeating: attention.query, count: width) + [Double](repeating: attention.key, count: width)
      + attention.values
    // A value is at most 127 units; what attention gives is within the values' range.
    let outputUnit = (attention.values.max() ?? 1) * 128 / 32767
    let (valueMultiplier, valueShift) = Self.valueMultipliers(attention.values, unit: outputUnit)

    let layers = quantize([
      LayerTask(block.qkv, norm1Unit, qkvUnits, inputs?.norm1, rounding(seen.norm1Values)),
      LayerTask(block.projection, outputUnit, residualUnits, inputs?.attention, rounding(seen.attentionValues)),
      LayerTask(
        block.fc1, norm2Unit, [Double](repeating: geluUnit, count: configuration.mlpWidth), inputs?.norm2,
        rounding(seen.norm2Values)),
      LayerTask(block.fc2, geluUnit, residualUnits, inputs?.gelu, rounding(seen.geluValues)),
    ])
    return QuantizedBlock(
      norm1: norm(block.norm1, unit: norm1Unit), norm1Quantizer: quantizer(seen.norm1Values, unit: norm1Unit),
      qkv: layers[0], queryQuantizers: seen.queries.map { quantizer($0, unit: attention.query) },
      keyQuantizers: seen.keys.map { quantizer($0, unit: attention.key) }, scoreShift: attention.scoreShift,
      valueMultiplier: valueMultiplier, valueShift: valueShift,
      attentionQuantizer: quantizer(seen.attentionValues, unit: outputUnit), projection: layers[1],
      norm2: norm(block.norm2, unit: norm2Unit), norm2Quantizer: quantizer(seen.norm2Values, unit: norm2Unit),
      fc1: layers[2], geluFractionBits: geluBits, geluQuantizer: quantizer(seen.geluValues, unit: geluUnit),
      fc2: layers[3])
  }

  /// One layer to quantize: its weights, units and sampled inputs.
  private struct LayerTask: Sendable {
    let layer: FloatLinear
    let quantizer: LinearQuantizer
    let rows: [Float]?
    let rounding: ActivationRounding

    init(_ layer: FloatLinear, _ unit: Double, _ units: [Double], _ rows: [Float]?, _ rounding: ActivationRounding) {
      self.layer = layer
      quantizer = LinearQuantizer(inputUnit: BlockQuantizer.inputUnit(unit), outputUnits: units)
      self.rows = rows
      self.rounding = rounding
    }

    func run() -> QuantizedLinear {
      let seen = rows.map { LayerInputs($0, inputs: layer.inputs, rounding: rounding) }
      return quantizer.quantize(layer, seen: seen)
    }
  }

  private func quantize(_ tasks: [LayerTask]) -> [QuantizedLinear] {
    concurrentMap(count: tasks.count, threads: options.threads) { () throws(Never) in
      ()
    } body: { (_, index) throws(Never) in
      isWide ? tasks[index].quantizer.quantizeWide(tasks[index].layer) : tasks[index].run()
    }
  }

  /// The scale of each value channel in units of the attention output, padded to whole panels.
  private static func valueMultipliers(_ values: [Double], unit: Double) -> ([Int32], Int32) {
    let ratios = values.map { $0 / unit }
    let shift = LinearQuantizer.shift(for: ratios, in: -22...16)
    let multipliers = ratios.map { Int32(min(($0 * LinearQuantizer.power(shift)).rounded(), 32767)) }
    let padding = WeightLayout.paddedOutputs(values.count) - values.count
    return (multipliers + Array(repeating: 0, count: padding), Int32(shift))
  }

  private func norm(_ norm: FloatNorm, unit: Double) -> QuantizedNorm {
    QuantizedNorm(
      norm, epsilon: configuration.layerNormEpsilon, unit: unit, inputFractionBits: residualFractionBits)
  }

  /// The units of queries, keys and values.
  ///
  /// A score in base 2 is `accumulator * query multiplier * key multiplier` times
  /// `query * 2/255 * key / 127`; the query's unit is rounded up so that this is a power of two.
  ///
  /// - Parameter reach: what each channel can become at most. A channel that calibration saw hardly move, such as every
  ///   key of a single token, would otherwise get a unit so small that its integers overflow.
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
    let values = magnitude[(2 * width)...].map { max(Double($0), 1e-6) / 127 }
    return (query, key, values, Int32(shift))
  }

  /// The most fraction bits with which the largest positive input of GELU fits, with a quarter to spare. Negative
  /// inputs that saturate give 0 all the same.
  private static func geluFractionBits(_ seen: HistogramObserver) -> Int32 {
    let largest = max(Double(seen.maximum) * 1.25, 1)
    guard largest.isFinite else { return 12 }
    return Int32(min(max(14 - Int(largest.exponent), 5), 12))
  }
}

extension FloatLinear {
  /// The largest magnitude of each output for inputs of at most this magnitude.
  fileprivate func reach(input magnitude: Double) -> [Double] {
    (0..<outputs).map { output in
      let row = weight[output * inputs..<(output + 1) * inputs]
      return row.reduce(Double(bias[output].magnitude)) { $0 + Double($1.magnitude) * magnitude }
    }
  }
}
