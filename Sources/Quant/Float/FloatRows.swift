import Int8Kernels
import ViTLite

/// The element-wise and row-wise parts of the float reference in portable form. `fastest` has the same with vector
/// instructions, bit for bit.
///
/// Element-wise loops are plain scalar code without branches, which the compiler turns into vector code better than it
/// does `SIMD` masks; sums take 16 lanes explicitly, for the compiler may not reorder them.
enum FloatRows {
  private typealias Vector = SIMD16<Float>

  /// `e^x` for x up to 88, and 1e-38 for x below -87. The relative error is under 2e-7.
  ///
  /// `x = n ln 2 + r` with |r| <= ln 2 / 2, then the Taylor polynomial of `e^r` to the 7th power (whose remainder is
  /// under 1e-8 there), then `2^n` by adding n to the exponent.
  @inline(__always)
  static func exp(_ x: Float) -> Float {
    let x = x < -87 ? -87 : x
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum.
    let magic: Float = 12_582_912
    let shifted = x * 1.442_695_04 + magic
    let n = shifted - magic
    // ln 2 in two parts, the first so short that its product with n is exact.
    let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
    var p: Float = 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r + 1
    p = p * r + 1
    return Float(bitPattern: p.bitPattern &+ shifted.bitPattern &<< 23)
  }

  /// `x/2 (1 + erf(x / sqrt 2))`, the GELU of Hendrycks and Gimpel (arXiv 1606.08415) without approximation by tanh.
  ///
  /// The error function is 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical Functions", whose absolute error
  /// is under 1.5e-7.
  @inline(__always)
  static func gelu(_ x: Float) -> Float {
    let z = x.magnitude * 0.707_106_78
    let t = 1 / (1 + z * 0.327_591_1)
    var p: Float = 1.061_405_429
    p = p * t - 1.453_152_027
    p = p * t + 1.421_413_741
    p = p * t - 0.284_496_736
    p = p * t + 0.254_829_592
    // The complementary error function of |x| / sqrt 2, halved: how far the result is from x or from 0.
    let tail = 0.5 * p * t * exp(-(z * z))
    return x * (x < 0 ? tail : 1 - tail)
  }

  /// `x.rounded()`, to the nearest integer and halves away from zero, without a call of the C library.
  @inline(__always)
  static func rounded(_ x: Float) -> Float {
    // Adding 2^23 leaves the nearest integer, the even one of two; a half that was rounded down is one short.
    let shift: Float = 8_388_608
    let magnitude = x.magnitude
    let even = (magnitude + shift) - shift
    let nearest = even + (magnitude - even == 0.5 ? 1 : 0)
    return Float(signOf: x, magnitudeOf: magnitude < shift ? nearest : magnitude)
  }

  @unsafe @inline(__always)
  private static func load(_ x: UnsafePointer<Float>) -> Vector {
    unsafe UnsafeRawPointer(x).loadUnaligned(as: Vector.self)
  }

  @unsafe @inline(__always)
  private static func store(_ value: Vector, _ x: UnsafeMutablePointer<Float>) {
    unsafe UnsafeMutableRawPointer(x).storeBytes(of: value, as: Vector.self)
  }

  /// `x / (1 + e^-y)`, with which the other activations are written.
  @inline(__always)
  private static func sigmoid(_ x: Float, _ y: Float) -> Float { x / (1 + exp(y < -80 ? 80 : -y)) }

  /// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, with `1/2 (1 + tanh z) = sigmoid(2 z)`.
  @inline(__always)
  static func geluTanh(_ x: Float) -> Float { sigmoid(x, 1.595_769_12 * (x + 0.044_715 * x * x * x)) }

  @inline(__always)
  static func quickGELU(_ x: Float) -> Float { sigmoid(x, 1.702 * x) }

  @inline(__always)
  static func silu(_ x: Float) -> Float { sigmoid(x, x) }

  /// The activation of `count` elements in place.
  @unsafe static func activate(_ x: UnsafeMutablePointer<Float>, _ activation: ActivationFunction, count: Int) {
    switch activation {
    case .gelu: for index in 0..<count { unsafe x[index] = gelu(x[index]) }
    case .geluTanh: for index in 0..<count { unsafe x[index] = geluTanh(x[index]) }
    case .quickGELU: for index in 0..<count { unsafe x[index] = quickGELU(x[index]) }
    case .silu: for index in 0..<count { unsafe x[index] = silu(x[index]) }
    }
  }

  /// The activation of the first half of each row of `2 columns`, times the second half; the results lie without gaps.
  @unsafe static func gate(
    _ x: UnsafeMutablePointer<Float>, _ activation: ActivationFunction, rows: Int, columns: Int
  ) {
    for row in 0..<rows {
      let gate = unsafe x + 2 * row * columns
      unsafe fastest.activate(gate, columns, activation.rowCode)
      for column in 0..<columns { unsafe x[row * columns + column] = gate[column] * gate[columns + column] }
    }
  }

  /// Rotates one head's row: channels i and `pairs + i` by the i-th angle.
  @unsafe static func rotate(
    _ x: UnsafeMutablePointer<Float>, cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>, pairs: Int
  ) {
    for index in 0..<pairs {
      let (a, b) = unsafe (x[index], x[pairs + index])
      unsafe x[index] = a * cosines[index] - b * sines[index]
      unsafe x[pairs + index] = b * cosines[index] + a * sines[index]
    }
  }

  /// `gain (x - mean) / sqrt(variance + epsilon) + bias` over one row.
  ///
  /// - Parameter subtractsMean: false for a mean of 0, in an RMSNorm.
  @unsafe static func normalize(
    _ x: UnsafePointer<Float>, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float, count: Int,
    subtractsMean: Bool = true, into y: UnsafeMutablePointer<Float>
  ) {
    let whole = count & ~15
    var sums = Vector.zero
    for index in stride(from: 0, to: whole, by: 16) { unsafe sums += load(x + index) }
    var sum = sums.sum()
    for index in whole..<count { unsafe sum += x[index] }
    let mean = subtractsMean ? sum / Float(count) : 0

    var squares = Vector.zero
    for index in stride(from: 0, to: whole, by: 16) {
      let deviation = unsafe load(x + index) - mean
      squares += deviation * deviation
    }
    var square = squares.sum()
    for index in whole..<count { unsafe square += (x[index] - mean) * (x[index] - mean) }
    // The sum of squares can overflow where the values do not; then nothing of the row can be said.
    let factor = square.isFinite ? 1 / (square / Float(count) + epsilon).squareRoot() : .nan

    for index in stride(from: 0, to: whole, by: 16) {
      unsafe store((load(x + index) - mean) * factor * load(gain + index) + load(bias + index), y + index)
    }
    for index in whole..<count { unsafe y[index] = (x[index] - mean) * factor * gain[index] + bias[index] }
  }

  /// `probabilityScale * softmax(scoreScale * x)` of one row in place; `scoreScale` is positive.
  @unsafe static func softmax(
    _ x: UnsafeMutablePointer<Float>, count: Int, scoreScale: Float, probabilityScale: Float
  ) {
    var largest = Int32.min
    for index in 0..<count { unsafe largest = max(largest, ordered(x[index])) }
    let maximum = float(ordered: largest)

    for index in 0..<count { unsafe x[index] = exp((x[index] - maximum) * scoreScale) }
    let whole = count & ~15
    var sums = Vector.zero
    for index in stride(from: 0, to: whole, by: 16) { unsafe sums += load(x + index) }
    var sum = sums.sum()
    for index in whole..<count { unsafe sum += x[index] }
    let factor = probabilityScale / sum
    for index in 0..<count { unsafe x[index] *= factor }
  }

  /// The same of several rows that lie without gaps.
  @unsafe static func softmax(
    _ x: UnsafeMutablePointer<Float>, rows: Int, count: Int, scoreScale: Float, probabilityScale: Float
  ) {
    for row in 0..<rows {
      unsafe softmax(x + row * count, count: count, scoreScale: scoreScale, probabilityScale: probabilityScale)
    }
  }

  /// An integer that compares as the float does, for the compiler can vectorise the maximum of integers: a negative
  /// float's bits count down, so all but the sign are flipped.
  @inline(__always)
  static func ordered(_ x: Float) -> Int32 {
    let bits = Int32(bitPattern: x.bitPattern)
    return bits ^ (bits >> 31 & 0x7FFF_FFFF)
  }

  @inline(__always)
  static func float(ordered: Int32) -> Float {
    Float(bitPattern: UInt32(bitPattern: ordered ^ (ordered >> 31 & 0x7FFF_FFFF)))
  }

  /// The range of a row, 0 included.
  @unsafe static func range(_ x: UnsafePointer<Float>, count: Int) -> ValueRange {
    var (low, high) = (ordered(0), ordered(0))
    for index in 0..<count {
      let value = unsafe ordered(x[index])
      low = min(low, value)
      high = max(high, value)
    }
    return ValueRange(low: float(ordered: low), high: float(ordered: high))
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
