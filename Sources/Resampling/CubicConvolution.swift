/// The cubic convolution kernel of Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981): the
/// weight of a sample at a distance from the place where a value is wanted.
///
///     CubicConvolution.pillow.weight(at: 0.5)    // 0.5625
///     CubicConvolution.pillow.weight(at: 1.5)    // -0.0625
///     CubicConvolution.pillow.weight(at: 2)      // 0
package struct CubicConvolution: Sendable {
  /// The kernel's slope at distance 1, from -1 to 0. Libraries that all say "bicubic" differ in it.
  package let slope: Double

  package init(slope: Double) { self.slope = slope }

  /// What Pillow has, and PyTorch with antialiasing.
  package static let pillow = CubicConvolution(slope: -0.5)
  /// What PyTorch has without antialiasing.
  package static let pyTorch = CubicConvolution(slope: -0.75)

  /// How far the kernel reaches, in samples: from there on the weight is 0.
  package static let support = 2.0

  /// The weight at a distance in samples, of either sign.
  ///
  /// The order of operations is part of the result, because weights are rounded afterwards. Pillow writes the outer
  /// piece as `(((x - 5) * x + 8) * x - 4) * a`. With its slope of -1/2 that gives the same numbers as the
  /// expression here, for a product with a power of two is not rounded.
  package func weight(at distance: Double) -> Double {
    let a = slope
    let x = abs(distance)
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return ((x - 5) * x + 8) * x * a - 4 * a }
    return 0
  }
}
