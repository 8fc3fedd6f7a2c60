import CKernels

// What models of some families do between products: activations by table, gates, rotary positions.
extension Portable {
  /// `vq_kernels.row_activate`
  @unsafe
  static func rowActivate(
    _ x: UnsafeMutablePointer<Int16>, _ count: Int32, _ fractionBits: Int32, _ tails: UnsafePointer<UInt16>,
    _ last: Int32
  ) {
    for index in 0..<Int(count) {
      let value = unsafe max(Int32(x[index]), -32767)
      // |x| in units of 2^-12: a step is 64 of them.
      let place = Int32(truncatingIfNeeded: value.magnitude) &<< (12 &- fractionBits)
      let step = place &>> 6
      var tail: Int32 = 0
      if step < last {
        let low = unsafe Int32(tails[Int(step)])
        let high = unsafe Int32(tails[Int(step &+ 1)])
        tail = FixedPoint.roundHalfUp(low &* 64 &+ (high &- low) &* (place & 63), shift: 22 &- fractionBits)
      }
      unsafe x[index] = Int16(truncatingIfNeeded: max(value, 0) &- tail)
    }
  }

  /// `vq_kernels.row_gate`
  @unsafe
  static func rowGate(
    _ x: UnsafeMutablePointer<Int16>, _ factors: UnsafePointer<Int16>, _ count: Int32, _ shift: Int32
  ) {
    for index in 0..<Int(count) {
      // No overflow: a product of 16-bit numbers is at most 2^30, and half of 2^30 is added.
      let product = unsafe Int32(x[index]) &* Int32(factors[index])
      unsafe x[index] = FixedPoint.saturateToInt16(FixedPoint.roundHalfUp(product, shift: shift))
    }
  }

  /// `vq_kernels.row_rotate`
  @unsafe
  static func rowRotate(
    _ x: UnsafeMutablePointer<Int16>, _ pairs: Int32, _ cosines: UnsafePointer<Int16>, _ sines: UnsafePointer<Int16>
  ) {
    let pairs = Int(pairs)
    for pair in 0..<pairs {
      let (a, b) = unsafe (Int32(x[pair]), Int32(x[pairs + pair]))
      let (cosine, sine) = unsafe (Int32(cosines[pair]), Int32(sines[pair]))
      unsafe x[pair] = FixedPoint.saturateToInt16(FixedPoint.roundHalfUp(a &* cosine &- b &* sine, shift: 15))
      unsafe x[pairs + pair] = FixedPoint.saturateToInt16(
        FixedPoint.roundHalfUp(b &* cosine &+ a &* sine, shift: 15))
    }
  }

  /// `vq_kernels.row_hadamard`
  @unsafe
  static func rowHadamard(
    _ x: UnsafeMutablePointer<Int32>, _ n: Int32, _ block: Int32, _ signs: UnsafePointer<Int8>
  ) {
    let bits = Int32(truncatingIfNeeded: block.trailingZeroBitCount)
    let middle = (bits + 1) / 2
    for first in stride(from: 0, to: Int(n), by: Int(block)) {
      unsafe walsh(x + first, Int(block))
      for channel in first..<first + Int(block) {
        let value = unsafe FixedPoint.roundHalfUp(x[channel], shift: middle)
        unsafe x[channel] = signs[channel] < 0 ? 0 &- value : value
      }
      unsafe walsh(x + first, Int(block))
      for channel in first..<first + Int(block) {
        unsafe x[channel] = FixedPoint.roundHalfUp(x[channel], shift: bits - middle)
      }
    }
  }

  /// The Walsh-Hadamard transform of `count` numbers, a power of two, in place.
  @unsafe
  private static func walsh(_ x: UnsafeMutablePointer<Int32>, _ count: Int) {
    var distance = 1
    while distance < count {
      for first in stride(from: 0, to: count, by: 2 * distance) {
        for channel in first..<first + distance {
          let (a, b) = unsafe (x[channel], x[channel + distance])
          unsafe x[channel] = a &+ b
          unsafe x[channel + distance] = a &- b
        }
      }
      distance *= 2
    }
  }
}
