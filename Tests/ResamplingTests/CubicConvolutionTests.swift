import Testing

@testable import Resampling

@Suite("Cubic convolution")
struct CubicConvolutionTests {
  /// Distances on both sides of the center, to beyond the support.
  private static let distances: [Double] = (-250_000...250_000).map { Double($0) * 1.0e-5 }

  /// `bicubic_filter` of Pillow's Resample.c.
  private func pillow(_ distance: Double) -> Double {
    let a = -0.5
    var x = distance
    if x < 0 { x = -x }
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
    return 0
  }

  /// `cubic_convolution1` and `cubic_convolution2` of PyTorch's UpSample.h, and how far they reach.
  private func pyTorch(_ distance: Double) -> Double {
    let a = -0.75
    let x = abs(distance)
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
    return 0
  }

  @Test("Pillow's kernel equals Pillow's own expression at every distance")
  func pillowValues() {
    let kernel = CubicConvolution.pillow
    // Not compared as bits: at distance 1 one of the two zeros is negative.
    let differing = Self.distances.filter { kernel.weight(at: $0) != pillow($0) }
    #expect(differing.isEmpty, "\(differing.prefix(5))")
  }

  @Test("PyTorch's kernel is PyTorch's but for rounding")
  func pyTorchValues() {
    let kernel = CubicConvolution.pyTorch
    let largest = Self.distances.map { abs(kernel.weight(at: $0) - pyTorch($0)) }.max() ?? .infinity
    #expect(largest < 1e-14)
  }

  @Test("PyTorch's kernel has the order of operations that recorded results depend on")
  func order() {
    let kernel = CubicConvolution.pyTorch
    let differing = Self.distances.filter { distance in
      let x = abs(distance)
      return x > 1 && x < 2 && kernel.weight(at: distance) != ((x - 5) * x + 8) * x * -0.75 + 3
    }
    #expect(differing.isEmpty, "\(differing.prefix(5))")
  }

  @Test("The kernel interpolates: samples stay what they are, and the weights at any place add up to 1")
  func interpolation() {
    for kernel in [CubicConvolution.pillow, .pyTorch, CubicConvolution(slope: -1)] {
      #expect((-3...3).map { kernel.weight(at: Double($0)) } == [0, 0, 0, 1, 0, 0, 0])
      for place in stride(from: 0.0, through: 1, by: 0.001) {
        let sum = (-1...2).reduce(0) { $0 + kernel.weight(at: place - Double($1)) }
        #expect(abs(sum - 1) < 1e-14)
      }
    }
  }
}
