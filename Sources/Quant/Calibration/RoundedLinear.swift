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
  /// The same of the wide form, which may be rounded once more.
  private var wideReach: [Double]?
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

  mutating func widen(_ layer: QuantizedLinear, reach: [Double]) {
    self.layer = layer
    wideReach = reach
    roundBias(units: 1)
  }

  /// The layer with outputs in units of `2^exponent` times the present ones.
  func rescaled(by exponent: Int) -> RoundedLinear {
    let largest = LinearLayer.validShifts(isWide: wideReach != nil).upperBound
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
      result.wideReach = wideReach.map { $0.map { $0 * factor } }
    }
    result.roundBias(units: LinearQuantizer.power(exponent))
    return result
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
      var bound = Int64(min(reach[output], 1e18))
      if let wideReach { bound = max(bound, Int64(min(wideReach[output], 1e18)) + 2) }
      layer.outputBound = max(layer.outputBound, bound + Int64(bias.magnitude))
    }
  }
}
