import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// What calibration computes with on its way, against plain arithmetic.
@Suite("Calibration's work")
struct CalibrationWorkTests {
  private static func progress(_ change: (inout CalibrationOptions) -> Void) throws -> [CalibrationProgress] {
    let example = IntegerModelCase.random(IntegerModelCase.configuration { $0.depth = 3 }, images: 5)
    var options = CalibrationOptions()
    change(&options)
    var steps: [CalibrationProgress] = []
    _ = try calibrate(example.model, preprocessing: nil, samples: example.samples, options: options) {
      steps.append($0)
    }
    return steps
  }

  @Test(
    "Progress never goes back, ends at the whole and names each stage in order",
    arguments: ActivationMode.allCases, [false, true])
  func progress(_ activations: ActivationMode, ranks: Bool) throws {
    let steps = try Self.progress {
      $0.activations = activations
      $0.ranksLayers = ranks
    }
    for (earlier, later) in zip(steps, steps.dropFirst()) { #expect(earlier.fraction <= later.fraction) }
    #expect(abs((steps.last?.fraction ?? 0) - 1) < 1e-9)
    var phases: [CalibrationProgress.Phase] = []
    for step in steps where step.phase != phases.last { phases.append(step.phase) }
    var block: [CalibrationProgress.Phase] = [.observing, .smoothing]
    if activations == .static { block += [.measuring, .clipping] }
    block.append(.quantizing)
    #expect(phases == [.embedding] + block + block + block + (ranks ? [.ranking] : []))
    #expect(Set(steps.filter { $0.phase == .observing }.map(\.blocks)) == [0, 1, 2])
  }

  @Test("The factor's transpose times the factor is the matrix", arguments: [1, 5, 64, 65, 130, 200], [1, 3])
  func triangularFactor(n: Int, threads: Int) throws {
    var generator = SplitMix64(seed: UInt64(n))
    let rows = (0..<3 * n * n).map { _ in Float.random(in: -1...1, using: &generator) }
    let gram = GramMatrix(rows, inputs: n, threads: threads)
    let reversed = FloatBuffer(count: n * n)
    for row in 0..<n {
      for column in 0...row { unsafe reversed.base[row * n + column] = gram[n - 1 - row, n - 1 - column] }
    }
    let factor = try #require(TriangularFactor.scaled(reversed: reversed, n: n, threads: threads)).array(n * n)
    func element(_ row: Int, _ column: Int) -> Double {
      let diagonal = Double(factor[row * n + row])
      return row == column ? diagonal : diagonal * Double(factor[row * n + column])
    }
    for row in stride(from: 0, to: n, by: max(n / 7, 1)) {
      for column in stride(from: 0, to: n, by: max(n / 9, 1)) {
        let sum = (max(row, column)..<n).reduce(0.0) { $0 + element($1, row) * element($1, column) }
        #expect(abs(sum - Double(gram[row, column])) < 1e-6 * Double(3 * n * n), "row \(row), column \(column)")
      }
    }
  }

  @Test("A matrix that is not positive definite has no factor")
  func notPositiveDefinite() {
    #expect(TriangularFactor.scaled(reversed: FloatBuffer([1, 0, 2, 1]), n: 2, threads: 1) == nil)
    #expect(TriangularFactor.scaled(reversed: FloatBuffer([.nan, 0, 2, 1]), n: 2, threads: 1) == nil)
  }

  /// More rows than are added at a time, more columns than one piece of work has.
  @Test("The Gram matrix is that of all rows, and its bits are those for any number of threads")
  func gram() {
    let (count, inputs) = (700, 130)
    var generator = SplitMix64(seed: 3)
    let rows = (0..<count * inputs).map { _ in Float.random(in: -1...1, using: &generator) }
    let gram = GramMatrix(rows, inputs: inputs, threads: 1)
    let parallel = GramMatrix(rows, inputs: inputs, threads: 3)
    for row in 0..<inputs {
      for column in 0..<inputs {
        #expect(gram[row, column] == parallel[row, column] && gram[row, column] == gram[column, row])
        guard (row * inputs + column).isMultiple(of: 37) else { continue }
        let exact = (0..<count).reduce(0.0) {
          $0 + Double(rows[$1 * inputs + row]) * Double(rows[$1 * inputs + column])
        }
        #expect(abs(Double(gram[row, column]) - exact) < 1e-3)
      }
    }
  }

  @Test("Of several candidates each output gets the one of least error, the first of equal ones")
  func candidates() throws {
    let (inputs, outputs) = (70, 37)
    var generator = SplitMix64(seed: 9)
    func values(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &generator) } }
    let layer = FloatLinear(
      weight: values(outputs * inputs), bias: values(outputs), outputs: outputs, inputs: inputs)
    let rounding = try #require(WeightRounding(rows: values(300 * inputs), inputs: inputs))
    let shares: [Float] = [1, 0.8, 1, 0.6, 1.2]
    let steps = shares.map { share in (0..<outputs).map { output in share / Float(127 - output) } }
    let alone = steps.map { rounding.round(layer, candidates: [$0], limit: 127) }
    let best = rounding.round(layer, candidates: steps, tried: steps.count, limit: 127)
    for output in 0..<outputs {
      let losses = alone.map { $0.losses[output] }
      let expected = losses.firstIndex(of: losses.min() ?? 0) ?? 0
      #expect(best.choices[output] == expected)
      #expect(best.losses[output] == losses[expected])
      let range = output * inputs..<(output + 1) * inputs
      #expect(best.levels[range] == alone[expected].levels[range])
    }
    #expect(Set(best.choices).count > 1)
  }

  /// Weights with outliers, which some outputs gain by cutting off.
  @Test("The two candidates that promise the least error are nearly as good as all of them")
  func promisingCandidates() throws {
    let (inputs, outputs) = (96, 64)
    var generator = SplitMix64(seed: 12)
    func values(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        let value = Float.random(in: -1...1, using: &generator)
        return value * value * value
      }
    }
    let layer = FloatLinear(
      weight: values(outputs * inputs), bias: values(outputs), outputs: outputs, inputs: inputs)
    let rounding = try #require(WeightRounding(rows: values(400 * inputs), inputs: inputs))
    let steps = [1, 0.9, 0.8, 0.7, 0.6, 0.5].map { (share: Float) in
      (0..<outputs).map { output in
        share / 7 * layer.weight[output * inputs..<(output + 1) * inputs].reduce(0) { max($0, $1.magnitude) }
      }
    }
    func loss(_ tried: Int) -> Float {
      rounding.round(layer, candidates: steps, tried: tried, limit: 7).losses.reduce(0, +)
    }
    let (two, all) = (loss(2), loss(steps.count))
    #expect(all <= two && two < 1.02 * all)
    let whole = rounding.round(layer, candidates: [steps[0]], limit: 7).losses.reduce(0, +)
    #expect(all < 0.98 * whole)
  }

  @Test("Rounding is to the nearest integer, and halves go away from zero")
  func rounding() {
    var values: [Float] = [0, -0.0, 0.5, -0.5, 0.499_999_97, 1.5, 2.5, -2.5, 8_388_607.5, 8_388_608, 1e30, -3e38]
    var generator = SplitMix64(seed: 1)
    for _ in 0..<100_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
      values.append(value.isFinite ? value : 0)
      values.append(Float(Int.random(in: -100_000...100_000, using: &generator)) / 2)
    }
    for value in values { #expect(FloatRows.rounded(value).bitPattern == value.rounded().bitPattern) }
  }

  @Test("A layer brought to a larger unit is the one rounded for it", arguments: [false, true], [1, 7])
  func rescaling(isWide: Bool, exponent: Int) {
    var generator = SplitMix64(seed: 4)
    var layer = FloatLinear(
      weight: (0..<20 * 50).map { _ in Float.random(in: -1...1, using: &generator) },
      bias: (0..<20).map { _ in Float.random(in: -1...1, using: &generator) }, outputs: 20, inputs: 50)
    func rounded(_ unit: Double) -> RoundedLinear {
      let quantizer = LinearQuantizer(inputUnit: 1e-5, outputUnits: [Double](repeating: unit, count: 20))
      return isWide ? quantizer.quantizeWide(layer) : quantizer.quantize(layer)
    }
    for _ in 0..<2 {
      let fine = rounded(0x1p-20)
      let coarse = rounded(LinearQuantizer.power(exponent - 20))
      #expect(fine.rescaled(by: exponent).layer == coarse.layer)
      #expect(fine.rescaled(by: exponent).biasErrors == coarse.biasErrors)
      #expect(fine.layer.bias != coarse.layer.bias)
      // A layer of zeros has no scale, but a bias.
      layer.weight = [Float](repeating: 0, count: 20 * 50)
    }
  }

  @Test("Extremes alone, merged with counted ones, are those of all values")
  func extremes() {
    var extremes = HistogramObserver()
    extremes.observe([3, -7, .nan, .infinity].span, counting: false)
    #expect(extremes.range(.minmax) == ValueRange(low: -7, high: 3))
    #expect(extremes.total == 0)
    var counted = HistogramObserver()
    counted.observe([5, -1].span)
    counted.merge(extremes)
    #expect(counted.range(.minmax) == ValueRange(low: -7, high: 5))
    #expect(counted.total == 2)
  }

  @Test("The largest magnitude and what is not finite are seen")
  func magnitudes() {
    var observer = MagnitudeObserver()
    observer.observe([1, -3, 2].span)
    #expect(observer.magnitude == 3 && observer.isFinite)
    for value in [Float.nan, .infinity, -.infinity] {
      var other = MagnitudeObserver()
      other.observe([0, value].span)
      other.merge(observer)
      #expect(!other.isFinite)
    }
  }
}
