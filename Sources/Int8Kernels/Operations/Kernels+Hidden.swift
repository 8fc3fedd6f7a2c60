import CKernels

/// What happens between the two layers of an MLP.
package struct HiddenOperation: Sendable {
  /// Nil for GELU.
  package let activation: ActivationTable?
  /// Of the activation's input and output.
  package let fractionBits: Int32
  /// By how many bits the product of the gate's activation and the rest is shifted; nil without a gate.
  package let gateShift: Int32?
  /// What each channel is multiplied by before the norm, in units of 2^-15: 1 to 32767; nil for nothing.
  package let factors: Vector<Int16>?
  package let norm: IntegerNorm?

  /// - Parameters:
  ///   - fractionBits: 5 to 12.
  ///   - gateShift: 0 to 30.
  package init(
    activation: ActivationTable?, fractionBits: Int32, gateShift: Int32?, factors: Vector<Int16>? = nil,
    norm: IntegerNorm?
  ) {
    precondition(
      (5...12).contains(fractionBits) && (0...30).contains(gateShift ?? 0), "bits that activation and gate take")
    self.activation = activation
    self.fractionBits = fractionBits
    self.gateShift = gateShift
    self.factors = factors
    self.norm = norm
  }
}

extension Kernels {
  /// The activation of some rows in place, times the second half of the row where there is a gate, times the channels'
  /// factors, and the norm; each row then quantized as the same row of `out`.
  ///
  /// - Parameter x: rows of as many numbers as `out`, twice as many with a gate.
  package func activate(
    _ x: Matrix<Int16>, rows: Range<Int>, _ operation: HiddenOperation, _ quantizer: ActivationQuantizer,
    into out: QuantizedRows
  ) {
    let columns = out.columns
    precondition(x.columns == (operation.gateShift == nil ? columns : 2 * columns), "rows with a gate or without")
    precondition((operation.factors?.count ?? columns) >= columns, "a factor for each channel")
    let result = x.columns(0..<columns)
    // A row's levels are written after the next row's activation, behind which its quantizer is ready.
    var last: RowQuantizer?
    for row in rows {
      var range = unsafe activate(x.row(row), count: columns, operation)
      if let norm = operation.norm {
        normalize(result, rows: row..<row + 1, norm)
        range = nil
      }
      let rowQuantizer = rowQuantizer(result, row, quantizer, range: range, isWide: out.isWide)
      if let last { quantizeRow(result, row - 1, last, into: out, at: row - 1) }
      last = rowQuantizer
    }
    if let last { quantizeRow(result, rows.upperBound - 1, last, into: out, at: rows.upperBound - 1) }
  }

  /// What comes before the norm, of one row in place.
  ///
  /// - Parameters:
  ///   - x: `count` numbers, and as many behind them with a gate.
  ///   - count: at most as many as there are factors.
  /// - Returns: the results' range, where it is known without another pass.
  @unsafe
  private func activate(
    _ x: UnsafeMutablePointer<Int16>, count: Int, _ operation: HiddenOperation
  ) -> ValueRange? {
    if operation.activation == nil, operation.gateShift == nil {
      return unsafe gelu(x, count: count, fractionBits: operation.fractionBits, operation.factors)
    }
    if let activation = operation.activation {
      unsafe apply(activation, to: x, count: count, fractionBits: operation.fractionBits)
    } else {
      _ = unsafe gelu(x, count: count, fractionBits: operation.fractionBits, nil)
    }
    let count = Int32(truncatingIfNeeded: count)
    if let shift = operation.gateShift { unsafe table.row_gate(x, x + Int(count), count, shift) }
    if let factors = operation.factors { unsafe table.row_gate(x, factors.base, count, 15) }
    return nil
  }

  /// GELU of some numbers in place, times their factors where there are any; the range of the results.
  @unsafe
  private func gelu(
    _ x: UnsafeMutablePointer<Int16>, count: Int, fractionBits: Int32, _ factors: Vector<Int16>?
  ) -> ValueRange {
    var range = ValueRange()
    unsafe table.row_gelu(
      x, Int32(truncatingIfNeeded: count), fractionBits, factors?.base, &range.minimum, &range.maximum)
    return range
  }

  /// An activation of some numbers in place.
  ///
  /// - Parameter fractionBits: of the numbers, 0 to 12.
  @unsafe
  func apply(_ activation: ActivationTable, to x: UnsafeMutablePointer<Int16>, count: Int, fractionBits: Int32) {
    unsafe activation.withTails { tails, last in
      unsafe table.row_activate(x, Int32(truncatingIfNeeded: count), fractionBits, tails, last)
    }
  }
}
