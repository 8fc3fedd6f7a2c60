import Int8Kernels
import ViTLite

/// Turns a model whose blocks are in integers already into one that can be written: settles the unit of the residual
/// stream, and quantizes what stands around the blocks.
struct ModelQuantizer {
  /// Its blocks are not read.
  let model: FloatModel
  let rotation: HadamardRotation?
  let seen: CalibratedBlocks
  let options: CalibrationOptions
  let preprocessing: Preprocessing?
  let mapping: PixelMapping

  private static let outputFractionBits = 16

  /// The model with all layers at 8 bits and, in the same units, with all of them wide; see `CalibratedBlocks.wide`.
  func quantize() throws(CalibrationError) -> (narrow: QuantizedModel, wide: QuantizedModel) {
    guard mapping.isFinite(with: model.patchEmbedding) else {
      throw .tooLarge(layer: LayerName.patchEmbedding.description)
    }
    let largest = largestResidualFractionBits()
    // Wide layers come first, because that is quick and gives the bounds of the layers' outputs.
    var wide = quantize(residualFractionBits: largest, isWide: true)
    var bits = try fractionBits(for: wide, atMost: largest)
    while true {
      let narrow = quantize(residualFractionBits: bits, isWide: false)
      let fitting = try fractionBits(for: narrow, atMost: bits)
      if fitting == bits {
        if wide.residualFractionBits != bits { wide = quantize(residualFractionBits: bits, isWide: true) }
        try narrow.checkBounds()
        try wide.checkBounds()
        return (narrow, wide)
      }
      bits = fitting
    }
  }

  /// The most fraction bits with which no layer's output can leave the residual stream's range; each bit less halves
  /// the integers.
  private func fractionBits(for quantized: QuantizedModel, atMost bits: Int) throws(CalibrationError) -> Int {
    let excess = quantized.residualBound / Int64(FixedPoint.residualLimit)
    let fitting = bits - (64 - excess.leadingZeroBitCount)
    guard fitting >= 0 else {
      throw .overflow(layer: "residual stream of \(model.configuration.depth) blocks", bound: quantized.residualBound)
    }
    return fitting
  }

  /// The most fraction bits with which four times the largest magnitude that calibration saw fits.
  private func largestResidualFractionBits() -> Int {
    let largest = max(Double(seen.residual.magnitude), 1e-3) * 4
    return min(max(29 - Int(largest.exponent), 0), RoundedBlock.residualFractionBits)
  }

  private func quantize(residualFractionBits: Int, isWide: Bool) -> QuantizedModel {
    let configuration = model.configuration
    let blocks = (isWide ? seen.wide : seen.narrow).map {
      $0.quantized(residualFractionBits: residualFractionBits, layerNormEpsilon: configuration.layerNormEpsilon)
    }
    let residualUnit = LinearQuantizer.power(-residualFractionBits)
    let finalBits = finalFractionBits()
    let finalUnit = LinearQuantizer.power(-finalBits)
    // The head that pools by attention writes its result to the residual stream.
    let pooledUnit = configuration.readout.pooling == .attention ? residualUnit : finalUnit
    let inputShift = headInputShift(pooledUnit)
    let inputUnit = pooledUnit * LinearQuantizer.power(Int(inputShift))
    let outputUnit = LinearQuantizer.power(-Self.outputFractionBits)
    func quantizeOutput(_ layer: FloatLinear) -> QuantizedLinear {
      let quantizer = LinearQuantizer(
        inputUnit: BlockQuantizer.inputUnit(inputUnit),
        outputUnits: [Double](repeating: outputUnit, count: layer.outputs))
      return (isWide ? quantizer.quantizeWide(layer) : quantizer.quantize(layer)).layer
    }
    return QuantizedModel(
      configuration: configuration, preprocessing: preprocessing,
      activations: options.activations, pixelMapping: mapping, softmaxPlanes: options.softmaxPlanes,
      residualFractionBits: residualFractionBits, patchEmbedding: patchEmbedding(unit: residualUnit, isWide: isWide),
      positions: positions(unit: residualUnit), blocks: blocks,
      finalNorm: QuantizedNorm(
        model.finalNorm, epsilon: configuration.layerNormEpsilon, unit: finalUnit, inputUnit: residualUnit),
      finalFractionBits: finalBits, headInputShift: inputShift,
      headInputQuantizer: BlockQuantizer.quantizer(headRange, unit: inputUnit),
      head: model.head.map { quantizeOutput($0) }, pooler: model.pooler.map { quantizeOutput($0) },
      outputFractionBits: Self.outputFractionBits,
      preNorm: model.preNorm.map {
        QuantizedNorm($0, epsilon: configuration.layerNormEpsilon, unit: residualUnit, inputUnit: residualUnit)
      },
      rotation: model.rotation?.levels ?? [], projection: model.projection.map { quantizeOutput($0) },
      hadamard: rotation)
  }

  /// The static range of the head's input. Its 15 bits have room for all values seen, so that nothing is clipped unless
  /// an observer is named.
  private var headRange: ValueRange? {
    options.activations == .static ? seen.readout.headInput.range(options.observer ?? .minmax) : nil
  }

  private func positions(unit: Double) -> [Int32] {
    (model.prefixTokens + model.positions).map { LinearQuantizer.integer(Double($0) / unit) }
  }

  /// The patch embedding on raw pixels: scale and offset of the pixels are in weights and bias, so that no input is
  /// rounded. The offset is multiplied by the rounded weights, not the exact ones, so that the weights' rounding errors
  /// are multiplied by normalised pixels, which are near 0, rather than by raw ones.
  private func patchEmbedding(unit: Double, isWide: Bool) -> QuantizedLinear {
    let inputCount = model.patchEmbedding.inputs
    let perChannel = inputCount / model.configuration.channels
    var layer = model.patchEmbedding
    layer.scaleInputs(by: (0..<inputCount).map { mapping.scale[$0 / perChannel] })
    let units = [Double](repeating: unit, count: layer.outputs)
    let sampled = seen.patches.map { patches in
      let rows = patches.indices.map { patches[$0] / mapping.scale[$0 % inputCount / perChannel] }
      return LayerInputs(rows, inputs: inputCount, rounding: nil, threads: options.threads)
    }
    let quantizer = LinearQuantizer(inputUnit: 1, finerBits: Int(WideLayer.pixelBits), outputUnits: units)
    var quantized = (isWide ? quantizer.quantizeWide(layer) : quantizer.quantize(layer, seen: sampled)).layer
    let finerBits = isWide ? quantizer.finerBits : 0
    for output in 0..<layer.outputs {
      // Of a weight, for whole pixels.
      let step = Double(quantized.multiplier[output]) * LinearQuantizer.power(finerBits - Int(quantized.shift)) * unit
      var bias = Double(quantized.bias[output]) * unit
      for input in 0..<inputCount {
        let channel = input / perChannel
        let weight = Double(quantized.level(output: output, input: input))
        bias += weight * step * Double(mapping.offset[channel]) / Double(mapping.scale[channel])
      }
      quantized.bias[output] = LinearQuantizer.integer(bias / unit)
    }
    // The bound for rows whose multiplier is 1: raw pixels, not activations with a multiplier of up to 32767.
    let largestBias = quantized.bias.reduce(0) { max($0, Int64($1.magnitude)) }
    let reach =
      Double(quantized.accumulatorBound) * Double(quantized.multiplier.max() ?? 0)
      * LinearQuantizer.power(-Int(quantized.shift))
    quantized.outputBound = Int64(min(reach, 1e18)) + largestBias
    return quantized
  }

  /// The most fraction bits with which no output of the final norm can overflow.
  private func finalFractionBits() -> Int {
    let width = Double(model.configuration.width)
    var largest = 1e-3
    for channel in model.finalNorm.gain.indices {
      // A normalised value is at most sqrt(width) of its deviation.
      let reach =
        Double(model.finalNorm.gain[channel].magnitude) * width.squareRoot()
        + Double(model.finalNorm.bias[channel].magnitude)
      largest = max(largest, reach)
    }
    return min(max(28 - Int(largest.exponent), 0), 20)
  }

  /// The shift that brings the head's input to int16, where twice the largest magnitude that calibration saw fits.
  private func headInputShift(_ unit: Double) -> Int32 {
    let largest = max(seen.readout.headInput.maximum, -seen.readout.headInput.minimum)
    guard largest.isFinite, largest > 0 else { return 0 }
    let levels = Double(largest) / unit / BlockQuantizer.seenLevel
    return levels <= 1 ? 0 : Int32(min(Int(levels.exponent) + 1, 24))
  }
}

extension PixelMapping {
  /// Whether the weights are finite when they are multiplied by the pixels' scale.
  fileprivate func isFinite(with embedding: FloatLinear) -> Bool {
    let perChannel = embedding.inputs / max(scale.count, 1)
    return embedding.weight.indices.allSatisfy { index in
      (embedding.weight[index] * scale[index % embedding.inputs / perChannel]).isFinite
    }
  }
}

extension FloatRotation {
  /// Cosines, then sines, in units of 2^-15.
  fileprivate var levels: [Int16] {
    (cosines + sines).map { Int16(min(max((Double($0) * 32768).rounded(), -32767), 32767)) }
  }
}

extension QuantizedNorm {
  /// The largest magnitude of an output: a normalised number times the root of the row's length is in the gain, and at
  /// most 1.
  fileprivate var outputBound: Int64 {
    let scale = LinearQuantizer.power(-Int(shift))
    return zip(gain, bias).reduce(0) { bound, channel in
      max(bound, Int64(min(Double(channel.0.magnitude) * scale * 1.001, 1e18)) + Int64(channel.1.magnitude) + 1)
    }
  }
}

extension QuantizedModel {
  /// The largest magnitude that a layer can add to the residual stream.
  fileprivate var residualBound: Int64 {
    blocks.reduce(max(patchEmbedding.outputBound, preNorm?.outputBound ?? 0)) {
      max($0, $1.compensatedProjection.outputBound, $1.layers.ffnDown.outputBound)
    }
  }

  /// Checks that no integer can overflow with any input, and that no layer's output can leave the residual stream's
  /// range.
  func checkBounds() throws(CalibrationError) {
    guard residualBound <= Int64(FixedPoint.residualLimit) else {
      throw .overflow(layer: "residual stream of \(configuration.depth) blocks", bound: residualBound)
    }
    for name in layerNames {
      guard let layer = fileLayer(name) else { continue }
      let bound = max(layer.accumulatorBound, layer.outputBound)
      if bound > Int64(Int32.max) { throw .overflow(layer: "\(name)", bound: bound) }
    }
  }
}
