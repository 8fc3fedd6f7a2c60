import CKernels

/// The rotation of the patches' queries and keys: cosines and sines in units of 2^-15, a row for each patch and a number
/// for each pair of channels, i and `pairs + i` of a head.
package struct Rotation: Sendable {
  package let cosines: Matrix<Int16>
  package let sines: Matrix<Int16>

  package init(cosines: Matrix<Int16>, sines: Matrix<Int16>) {
    precondition(cosines.rows == sines.rows && cosines.columns == sines.columns, "a cosine and a sine for each angle")
    self.cosines = cosines
    self.sines = sines
  }
}

// What some models do to each head's queries and keys.
extension Kernels {
  /// Rotates rows of one head's queries or keys (rows x 2 pairs) in place.
  ///
  /// - Parameter first: the patch that the first row is; rows before patch 0 are left alone.
  package func rotate(_ x: Matrix<Int16>, _ rotation: Rotation, from first: Int) {
    let pairs = rotation.cosines.columns
    precondition(
      x.columns == 2 * pairs && first + x.rows <= rotation.cosines.rows, "an angle for each pair of channels")
    for row in max(0, -first)..<max(x.rows, -first, 0) {
      unsafe table.row_rotate(
        x.row(row), Int32(truncatingIfNeeded: pairs), rotation.cosines.row(first + row), rotation.sines.row(first + row)
      )
    }
  }

  /// LayerNorm of some rows of int16 in place, as `normalize` defines it for the residual stream: the centered row has at
  /// most 17 bits, so that it is not shifted. Portable code for every instruction set.
  package func normalize(_ x: Matrix<Int16>, rows: Range<Int>, _ norm: IntegerNorm) {
    precondition(x.columns == norm.width, "a norm of the rows' width")
    let count = x.columns
    for row in rows {
      let values = unsafe x.row(row)
      var sum: Int64 = 0
      for index in 0..<count { unsafe sum &+= Int64(values[index]) }
      let mean = norm.subtractsMean ? FixedPoint.mean(ofSum: sum, count: Int32(truncatingIfNeeded: count)) : 0
      var squares: Int64 = 0
      for index in 0..<count {
        let centered = unsafe Int64(Int32(values[index]) &- mean)
        squares &+= centered &* centered
      }
      let (multiplier, shift) = FixedPoint.reciprocalSquareRoot(UInt64(bitPattern: squares &+ norm.epsilon))
      for index in 0..<count {
        let normalized = unsafe FixedPoint.requantize(
          Int32(values[index]) &- mean, row: multiplier, column: norm.gain.base[index], shift: shift &+ norm.shift)
        unsafe values[index] = FixedPoint.saturateToInt16(normalized &+ norm.bias.base[index])
      }
    }
  }
}
