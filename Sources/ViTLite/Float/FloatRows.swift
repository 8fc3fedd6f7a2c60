/// The element-wise and row-wise parts of the float reference, 16 lanes at a time.
enum FloatRows {
  typealias Vector = SIMD16<Float>

  /// `e^x` for x from -87 to 88; below and above, the values at these ends. The relative error is under 2e-7.
  ///
  /// `x = n ln 2 + r` with |r| <= ln 2 / 2, then the Taylor polynomial of `e^r` to the 7th power (whose remainder is
  /// under 1e-8 there), then `2^n` by adding n to the exponent.
  @inline(__always)
  static func exp(_ x: Vector) -> Vector {
    let x = x.clamped(lowerBound: Vector(repeating: -87), upperBound: Vector(repeating: 88))
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum.
    let magic: Float = 12_582_912
    let shifted = x * 1.442_695_04 + magic
    let n = shifted - magic
    // ln 2 in two parts, the first so short that its product with n is exact.
    let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
    var p = Vector(repeating: 1 / 5040)
    p = p * r + (1 / 720)
    p = p * r + (1 / 120)
    p = p * r + (1 / 24)
    p = p * r + (1 / 6)
    p = p * r + 0.5
    p = p * r + 1
    p = p * r + 1
    let exponent = unsafe unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< 23
    return unsafe unsafeBitCast(unsafeBitCast(p, to: SIMD16<Int32>.self) &+ exponent, to: Vector.self)
  }

  /// `x/2 (1 + erf(x / sqrt 2))`, the GELU of Hendrycks and Gimpel (arXiv 1606.08415) without approximation by tanh.
  ///
  /// The error function is 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical Functions", whose absolute error
  /// is under 1.5e-7.
  @inline(__always)
  static func gelu(_ x: Vector) -> Vector {
    let negative = x .< 0
    let magnitude = x.replacing(with: -x, where: negative)
    let z = magnitude * 0.707_106_78
    let t = 1 / (1 + z * 0.327_591_1)
    var p = Vector(repeating: 1.061_405_429)
    p = p * t - 1.453_152_027
    p = p * t + 1.421_413_741
    p = p * t - 0.284_496_736
    p = p * t + 0.254_829_592
    // The complementary error function of |x| / sqrt 2, halved: how far the result is from x or from 0.
    let tail = 0.5 * p * t * exp(-(z * z))
    return x * (1 - tail).replacing(with: tail, where: negative)
  }

  @unsafe @inline(__always)
  private static func load(_ x: UnsafePointer<Float>) -> Vector {
    unsafe UnsafeRawPointer(x).loadUnaligned(as: Vector.self)
  }

  @unsafe @inline(__always)
  private static func store(_ value: Vector, _ x: UnsafeMutablePointer<Float>) {
    unsafe UnsafeMutableRawPointer(x).storeBytes(of: value, as: Vector.self)
  }

  /// The GELU of `count` elements in place.
  @unsafe static func gelu(_ x: UnsafeMutablePointer<Float>, count: Int) {
    let whole = count & ~15
    for index in stride(from: 0, to: whole, by: 16) { unsafe store(gelu(load(x + index)), x + index) }
    for index in whole..<count { unsafe x[index] = gelu(Vector(repeating: x[index]))[0] }
  }

  /// `gain (x - mean) / sqrt(variance + epsilon) + bias` over one row.
  @unsafe static func normalize(
    _ x: UnsafePointer<Float>, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float, count: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    let whole = count & ~15
    var sums = Vector.zero
    for index in stride(from: 0, to: whole, by: 16) { unsafe sums += load(x + index) }
    var sum = sums.sum()
    for index in whole..<count { unsafe sum += x[index] }
    let mean = sum / Float(count)

    var squares = Vector.zero
    for index in stride(from: 0, to: whole, by: 16) {
      let deviation = unsafe load(x + index) - mean
      squares += deviation * deviation
    }
    var square = squares.sum()
    for index in whole..<count { unsafe square += (x[index] - mean) * (x[index] - mean) }
    let factor = 1 / (square / Float(count) + epsilon).squareRoot()

    for index in stride(from: 0, to: whole, by: 16) {
      unsafe store((load(x + index) - mean) * factor * load(gain + index) + load(bias + index), y + index)
    }
    for index in whole..<count { unsafe y[index] = (x[index] - mean) * factor * gain[index] + bias[index] }
  }

  /// `probabilityScale * softmax(scoreScale * x)` of one row in place; `scoreScale` is positive.
  @unsafe static func softmax(
    _ x: UnsafeMutablePointer<Float>, count: Int, scoreScale: Float, probabilityScale: Float
  ) {
    let whole = count & ~15
    var maxima = Vector(repeating: -.infinity)
    for index in stride(from: 0, to: whole, by: 16) { unsafe maxima = pointwiseMax(maxima, load(x + index)) }
    var maximum = maxima.max()
    for index in whole..<count { unsafe maximum = max(maximum, x[index]) }

    var sums = Vector.zero
    for index in stride(from: 0, to: whole, by: 16) {
      let power = unsafe exp((load(x + index) - maximum) * scoreScale)
      unsafe store(power, x + index)
      sums += power
    }
    var sum = sums.sum()
    for index in whole..<count {
      let power = unsafe exp(Vector(repeating: (x[index] - maximum) * scoreScale))[0]
      unsafe x[index] = power
      sum += power
    }
    let factor = probabilityScale / sum
    for index in stride(from: 0, to: whole, by: 16) { unsafe store(load(x + index) * factor, x + index) }
    for index in whole..<count { unsafe x[index] *= factor }
  }

  /// `x += scale * y`, or `x += y` without a scale, over one row.
  @unsafe static func add(
    _ y: UnsafePointer<Float>, scale: UnsafePointer<Float>?, to x: UnsafeMutablePointer<Float>, count: Int
  ) {
    if let scale = unsafe scale {
      for index in 0..<count { unsafe x[index] += scale[index] * y[index] }
    } else {
      for index in 0..<count { unsafe x[index] += y[index] }
    }
  }
}
