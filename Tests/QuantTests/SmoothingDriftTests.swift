import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("The drift that smoothing is chosen by")
struct SmoothingDriftTests {
  /// Inputs with outliers in some channels, as the norms of a ViT give them.
  @Test("Sums with random signs show about the error of all outputs", arguments: [ActivationMode.dynamic, .static])
  func sums(activations: ActivationMode) {
    let (count, inputs, outputs) = (96, 70, 201)
    var generator = SplitMix64(seed: 5)
    func value() -> Float { Float.random(in: -1...1, using: &generator) }
    let scales = (0..<inputs).map { $0 % 9 == 0 ? Float(20) : 1 }
    let rows = (0..<count * inputs).map { value() * scales[$0 % inputs] }
    let layer = FloatLinear(
      weight: (0..<outputs * inputs).map { _ in value() }, bias: (0..<outputs).map { _ in value() }, outputs: outputs,
      inputs: inputs)
    let groups = [0..<67, 67..<134, 134..<201]
    let drift = SmoothingDrift(rows: rows, layer: layer, groups: groups)
    for alpha in [0, 0.3, 0.6, 0.9] as [Double] {
      let factors = scales.map { Float($0 > 1 ? 1 + 19 * alpha : 1) }
      let exact = Self.exactError(rows, layer, groups, factors, activations)
      let found = drift.error(factors: factors, activations: activations)
      #expect(abs(found - exact) < 0.2 * exact, "\(alpha): \(found), exactly \(exact)")
    }
  }

  /// The relative squared error of all outputs in double precision, summed over the groups.
  private static func exactError(
    _ rows: [Float], _ layer: FloatLinear, _ groups: [Range<Int>], _ factors: [Float], _ activations: ActivationMode
  ) -> Double {
    let inputs = layer.inputs
    func rounded(_ values: [Double], step: Double) -> [Double] { values.map { ($0 / step).rounded() * step } }
    let divided = rows.indices.map { Double(rows[$0]) / Double(factors[$0 % inputs]) }
    func step(_ values: [Double]) -> Double { ((values.max() ?? 0) - (values.min() ?? 0)) / 255 }
    let quantized =
      activations == .static
      ? rounded(divided, step: step(divided))
      : stride(from: 0, to: rows.count, by: inputs).flatMap { start in
        let row = Array(divided[start..<start + inputs])
        return rounded(row, step: step(row))
      }
    var (noise, signal) = ([Double](repeating: 0, count: groups.count), [Double](repeating: 0, count: groups.count))
    for (index, outputs) in groups.enumerated() {
      for output in outputs {
        let weights = (0..<inputs).map { Double(layer.weight[output * inputs + $0]) }
        let scaled = zip(weights, factors).map { $0 * Double($1) }
        let levels = rounded(scaled, step: (scaled.map(\.magnitude).max() ?? 1) / 127)
        for start in stride(from: 0, to: rows.count, by: inputs) {
          var (exact, found) = (0.0, 0.0)
          for input in 0..<inputs {
            exact += Double(rows[start + input]) * weights[input]
            found += quantized[start + input] * levels[input]
          }
          noise[index] += (found - exact) * (found - exact)
          signal[index] += exact * exact
        }
      }
    }
    return zip(noise, signal).reduce(0) { $0 + $1.0 / $1.1 }
  }
}
