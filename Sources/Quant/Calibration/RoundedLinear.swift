import Int8Kernels
import ViTLite

/// An integer linear layer whose outputs can still be brought to a unit that is larger by a power of two: its levels
/// and multipliers stay, only shift, bias and bound change.
///
/// This is how a block is quantized before the unit of the residual stream is known, which depends on all blocks.
struct RoundedLinear: Sendable {
  private(set) var layer: QuantizedLinear
  /// The rounding error of each output's bias: exact minus rounded, in real units.
  private(set) var biasErrors: [Double] = []
  private let exactBias: [Double]
  private let outputUnits: [Double]
  /// The largest magnitude of each output without its bias, with any input.
  private var reach: [Double]
  /// Whether the shift belongs to a scale of the weights; it does not in a layer of zeros.
  private let hasScale: Bool

  init(_ layer: QuantizedLinear, exactBias: [Double], outputUnits: [Double], reach: [Double], hasScale: Bool) {
    self.layer = layer
    self.exactBias = exactBias
    self.outputUnits = outputUnits
    self.reach = reach
    self.hasScale = hasScale
    roundBias(units: 1)
  }

  /// The layer with outputs in units of `2^exponent` times the present ones.
  func rescaled(by exponent: Int) -> RoundedLinear {
    let largest = LinearLayer.validShifts.upperBound
    guard exponent != 0 || layer.shift > Int32(largest) else { return self }
    var result = self
    if hasScale {
      let shift = Int(layer.shift) + exponent
      result.layer.shift = Int32(min(shift, largest))
      // Beyond the largest shift all products are far below half a unit, whatever the multipliers.
      let excess = min(max(shift - largest, 0), 30)
      if excess > 0 { result.layer.multiplier = layer.multiplier.map { $0 > 0 ? max($0 >> excess, 1) : 0 } }
      let factor = LinearQuantizer.power(-exponent)
      result.reach = reach.map { $0 * factor }
    }
    result.roundBias(units: LinearQuantizer.power(exponent))
    return result
  }

  /// The layer's scales with the outputs from `first` on in units of `2^-bits` times the present ones, the bound of all
  /// outputs then, and the rounding errors of the biases.
  ///
  /// The weights' levels stay. Where the larger multipliers do not fit 15 bits all lose their lowest ones.
  func finerOutputs(from first: Int, bits: Int) -> (scales: OutputScales, outputBound: Int64, biasErrors: [Double]) {
    var scales = OutputScales(multiplier: layer.multiplier, bias: layer.bias, shift: layer.shift)
    for output in first..<max(exactBias.count, first) { scales.multiplier[output] <<= Int32(bits) }
    let larger = scales.multiplier
    let largest = larger.reduce(0) { max($0, $1) }
    let excess = largest > 32767 ? min(Int32(17 - largest.leadingZeroBitCount), scales.shift) : 0
    scales.multiplier = larger.map { min(FixedPoint.roundHalfUp($0, shift: excess), 32767) }
    scales.shift -= excess
    var (bound, errors) = (Int64(0), exactBias)
    for output in exactBias.indices {
      let factor = output < first ? 1 : LinearQuantizer.power(bits)
      let bias = LinearQuantizer.integer(exactBias[output] / outputUnits[output] * factor)
      scales.bias[output] = bias
      errors[output] -= Double(bias) * outputUnits[output] / factor
      let scale = Double(scales.multiplier[output]) * LinearQuantizer.power(Int(excess))
      let reach = reach[output] * factor * scale / Double(max(larger[output], 1))
      bound = max(bound, Int64(min(reach, 1e18)) + 2 + Int64(bias.magnitude))
    }
    return (scales, bound, errors)
  }

  /// Bias and bound, with units that are larger by this factor.
  private mutating func roundBias(units factor: Double) {
    biasErrors = exactBias
    layer.outputBound = 0
    for output in exactBias.indices {
      let unit = outputUnits[output] * factor
      let bias = LinearQuantizer.integer(exactBias[output] / unit)
      layer.bias[output] = bias
      biasErrors[output] -= Double(bias) * unit
      layer.outputBound = max(layer.outputBound, Int64(min(reach[output], 1e18)) + Int64(bias.magnitude))
    }
  }
}
