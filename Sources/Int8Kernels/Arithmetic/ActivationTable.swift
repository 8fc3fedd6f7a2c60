/// SiLU, QuickGELU or the tanh form of GELU in fixed point.
///
/// Each is `x * sigmoid(z(x))` with an odd z. With `g(a) = a / (1 + e^z(a))`, it is `max(x, 0) - g(|x|)`. The table has g
/// in steps of 1/64, up to where it is below 2e-6; in between it is interpolated, beyond it is 0. The error before the
/// last rounding is at most 4e-5: 2.7e-5 of the interpolation (an eighth of the step's square times the largest second
/// derivative, 0.86), 0.8e-5 of the table's numbers, and 0.2e-5 at its end.
@usableFromInline
package struct ActivationTable: Sendable, Equatable {
  /// g in units of 2^-16, one for each step, and two zeros.
  let tails: [UInt16]

  /// `x * sigmoid(x)`
  package static var silu: ActivationTable {
    ActivationTable(steps: 1024, factor: 18_160_753_814_917_686_420, change: nil)
  }

  /// `x * sigmoid(1.702 x)`
  package static var quickGELU: ActivationTable {
    ActivationTable(steps: 640, factor: 17_962_641_554_731_183_163, change: nil)
  }

  /// `x * sigmoid(sqrt(8/pi) (x + 0.044715 x^3))`
  package static var geluTanh: ActivationTable {
    ActivationTable(steps: 320, factor: 17_992_476_840_460_118_782, change: 18_446_713_946_841_280_169)
  }

  /// With `e^-z` of one step from that of the step before, in integers, so that every machine makes the same table.
  ///
  /// - Parameters:
  ///   - factor: `e^-z` of the first step, as a fraction of 2^64.
  ///   - change: where z is cubic: `e` to the power of its third difference, negated. It is the factor's own first factor
  ///     too, because z has no term in x^2. Nil where z is linear.
  private init(steps: Int, factor: UInt64, change: UInt64?) {
    var tails: [UInt16] = [0]
    tails.reserveCapacity(steps + 1)
    var (power, factor, change) = (factor, factor, change)
    let third = change
    for step in 1...steps {
      // a / (1 + e^z) = a e^-z / (1 + e^-z), with 30 bits of the power.
      let short = power &>> 34
      let denominator = (1 &<< 30) &+ short
      let numerator = UInt64(step) &* 1024 &* short
      tails.append(UInt16(truncatingIfNeeded: (2 &* numerator &+ denominator) / (2 &* denominator)))
      if let second = change, let third {
        factor = factor.multipliedFullWidth(by: second).high
        change = second.multipliedFullWidth(by: third).high
      }
      power = power.multipliedFullWidth(by: factor).high
    }
    self.tails = tails + [0, 0]
  }

  /// The table as `vq_kernels.row_activate` takes it, and its last step.
  @unsafe
  func withTails(_ body: (_ tails: UnsafePointer<UInt16>, _ last: Int32) -> Void) {
    unsafe tails.withUnsafeBufferPointer { tails in
      guard let base = tails.baseAddress else { return }
      unsafe body(base, Int32(truncatingIfNeeded: tails.count &- 3))
    }
  }
}
