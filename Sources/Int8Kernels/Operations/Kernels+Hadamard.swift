import CKernels

// The rotation of the residual stream.
extension Kernels {
  /// Rotates a row in place, or back. Where sums could overflow, the row is rounded to fewer bits: 20 or more are left
  /// of its largest number.
  package func rotate(_ x: Matrix<Int32>, row: Int, _ rotation: HadamardRotation, isInverse: Bool = false) {
    precondition(x.columns == rotation.width, "a rotation of the rows' width")
    let (row, width) = unsafe (x.row(row), rotation.width)
    var (sum, minimum, maximum): (Int64, Int32, Int32) = (0, 0, 0)
    unsafe table.row_range_i32(row, Int32(truncatingIfNeeded: width), &sum, &minimum, &maximum)
    let bits = UInt32.bitWidth - max(minimum.magnitude, maximum.magnitude).leadingZeroBitCount
    let shift = Int32(truncatingIfNeeded: max(bits - rotation.inputBits, 0))
    if shift > 0 {
      for channel in 0..<width { unsafe row[channel] = FixedPoint.roundHalfUp(row[channel], shift: shift) }
    }
    unsafe transform(row, rotation, round: isInverse ? 1 : 0)
    for pair in stride(from: 0, to: rotation.pairs.count - 1, by: 2) {
      let (first, second) = unsafe (
        row + Int(rotation.pairs[pair]) * HadamardRotation.group,
        row + Int(rotation.pairs[pair + 1]) * HadamardRotation.group
      )
      for lane in 0..<HadamardRotation.group { unsafe (first[lane], second[lane]) = (second[lane], first[lane]) }
    }
    unsafe transform(row, rotation, round: isInverse ? 0 : 1)
    guard shift > 0 else { return }
    let limit = Int64(FixedPoint.residualLimit)
    for channel in 0..<width {
      let value = unsafe min(max(Int64(row[channel]) &<< Int64(shift), 0 &- limit), limit)
      unsafe row[channel] = Int32(truncatingIfNeeded: value)
    }
  }

  @unsafe
  private func transform(_ row: UnsafeMutablePointer<Int32>, _ rotation: HadamardRotation, round: Int) {
    unsafe rotation.signs.withUnsafeBufferPointer { signs in
      guard let signs = signs.baseAddress else { return }
      let (width, block) = (Int32(truncatingIfNeeded: rotation.width), Int32(truncatingIfNeeded: rotation.block))
      unsafe table.row_hadamard(row, width, block, signs + round * rotation.width)
    }
  }
}

extension HadamardRotation {
  /// Bits of a row's largest magnitude with which no sum overflows. A sum of a block's channels is at most the root of the
  /// block's length times the length of the row's vector, which no round changes; after half of a round's shift, those of
  /// its second transform are no larger. A bit more is left for rounding.
  fileprivate var inputBits: Int {
    let (blockBits, widthBits) = (block.trailingZeroBitCount, Int.bitWidth - (width - 1).leadingZeroBitCount)
    return 30 - (blockBits + widthBits + 1) / 2
  }
}
