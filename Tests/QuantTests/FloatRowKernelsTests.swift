import CFloatKernels
import Int8Kernels
import Testing

@testable import Quant
@testable import ViTLite

/// Values of several sizes, with zeros of both signs and halves among them.
private func values(_ count: Int, seed: UInt64, scale: Float = 4) -> [Float] {
  var generator = SplitMix64(seed: seed)
  return (0..<count).map { index in
    switch generator.next() % 16 {
    case 0: index % 2 == 0 ? 0 : -0.0
    case 1: Float(Int(generator.next() % 9)) - 4.5
    case 2: Float.random(in: -1e-6...1e-6, using: &generator)
    default: Float.random(in: -scale...scale, using: &generator)
    }
  }
}

private func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

/// Numbers of values that fill registers of every width, and that do not.
private let counts = [1, 5, 15, 16, 17, 31, 32, 33, 64, 100, 197]

/// What a function makes of a copy of `start`, with every table, the portable one first.
private func results(
  _ start: [Float], _ body: (vq_float_rows, UnsafeMutablePointer<Float>) -> Void
) -> [[UInt32]] {
  FloatRowKernels.available.map { kernels in
    var copy = start
    copy.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { body(kernels.table, base) } }
    return bits(copy)
  }
}

private func expectSame(
  _ results: [[UInt32]], _ comment: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  for other in results.dropFirst() {
    #expect(other == results[0], "\(comment)", sourceLocation: sourceLocation)
  }
}

@Suite("Row functions with vector instructions give the portable ones' bits")
struct FloatRowKernelsTests {
  @Test("Activations", arguments: [ActivationFunction.gelu, .geluTanh, .quickGELU, .silu])
  func activations(function: ActivationFunction) {
    for count in counts {
      let start = values(count, seed: UInt64(count), scale: 12) + [1e30, -1e30, 88, -88]
      expectSame(results(start) { $0.activate($1, start.count, function.rowCode) }, "\(count)")
    }
  }

  @Test("Softmax and norms")
  func rows() {
    for count in counts {
      let start = values(3 * count, seed: 7)
      expectSame(results(start) { $0.softmax($1, 3, count, 0.3, 0.7) }, "softmax of \(count)")
      let (gain, bias) = (values(count, seed: 8), values(count, seed: 9))
      for subtractsMean: Int32 in [0, 1] {
        expectSame(
          results(Array(start[..<count])) { $0.normalize($1, gain, bias, 1e-6, count, subtractsMean, $1) },
          "norm of \(count)")
      }
    }
  }

  @Test("Rounding and products with columns")
  func elements() {
    for count in counts {
      let start = values(3 * count, seed: 10)
      let factors = values(count, seed: 11).map { $0 == 0 ? 1 : $0 }
      expectSame(results(start) { $0.round($1, 3 * count, -3, 2.5, 0.02) }, "round \(count)")
      expectSame(results(start) { $0.round($1, 3 * count, -.infinity, .infinity, 0.5) }, "round \(count)")
      expectSame(results(start) { $0.multiply($1, factors, 3, count, $1) }, "multiply \(count)")
      expectSame(results(start) { $0.divide($1, factors, 3, count, $1) }, "divide \(count)")
      expectSame(results(start) { $0.subtract($1, factors, count) }, "subtract \(count)")
    }
  }

  @Test("Ranges, sums and magnitudes, with values that are not finite")
  func observations() {
    for count in counts {
      for rows in [1, 4, 6] {
        var start = values(rows * count, seed: 12)
        let magnitudes = FloatRowKernels.available.map { $0.table.magnitude(start, start.count) }
        #expect(Set(magnitudes) == [start.map(\.magnitude).reduce(0, max).bitPattern])
        expectSame(
          results([Float](repeating: .infinity, count: count) + [Float](repeating: -.infinity, count: count)) {
            $0.column_range(start, rows, count, $1, $1 + count)
          }, "column ranges of \(rows) x \(count)")
        let sums = FloatRowKernels.available.map { kernels in
          var sums = values(count, seed: 13).map { Double($0) }
          kernels.table.column_sums(start, rows, count, &sums)
          return sums.map(\.bitPattern)
        }
        #expect(Set(sums).count == 1, "column sums of \(rows) x \(count)")
        expectSame(results([0, 0]) { $0.range(start, start.count, $1, $1 + 1) }, "range of \(start.count)")
        (start[0], start[start.count / 2]) = (.infinity, .nan)
        let extremes = FloatRowKernels.available.map { kernels in
          var extremes = [FloatRows.ordered(0.25), FloatRows.ordered(0.5)]
          extremes.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            kernels.table.extremes(start, start.count, base, base + 1)
          }
          return extremes
        }
        #expect(Set(extremes).count == 1, "extremes of \(start.count)")
      }
    }
  }

  @Test("Squared errors")
  func squaredErrors() {
    for (rows, columns) in [(1, 1), (3, 8), (8, 32), (9, 29), (17, 31)] {
      let (x, y) = (values(rows * 40, seed: 14), values(rows * 32, seed: 15))
      let sums = FloatRowKernels.available.map { kernels in
        var sums = (0..<rows).map { Double($0) / 3 }
        kernels.table.squared_errors(x, 40, y, 32, rows, columns, &sums)
        return sums.map(\.bitPattern)
      }
      #expect(Set(sums).count == 1, "\(rows) x \(columns)")
    }
  }

  @Test("Packing, by rows, by columns and otherwise")
  func packing() {
    for (k, n) in [(1, 1), (8, 32), (13, 40), (64, 197), (70, 64)] {
      let source = values(k * n * 2, seed: 16)
      for (rowStride, columnStride) in [(n, 1), (1, k), (2 * n, 2)] {
        expectSame(
          results([Float](repeating: 7, count: SGEMM.packedCount(k: k, n: n))) {
            $0.pack(source, rowStride, columnStride, k, n, $1)
          }, "\(k) x \(n), strides \(rowStride) and \(columnStride)")
      }
    }
  }

  @Test("Rounding of a panel and division by a triangular matrix")
  func triangles() {
    for rows in [1, 3, 4, 30, 64] {
      var factors = values(rows * 70, seed: 17, scale: 0.3)
      for row in 0..<rows { factors[row * 70 + row] = 0.5 + Float(row) / 64 }
      let steps = values(32, seed: 18).map { $0.magnitude + 0.1 }
      let count = rows * 32
      let exact = values(count, seed: 22, scale: 100)
      // Values, then changes, levels and losses.
      let start = values(count, seed: 19, scale: 100) + [Float](repeating: 0, count: 2 * count + 32)
      let rounded = FloatRowKernels.available.map { kernels in
        var copy = start
        copy.withUnsafeMutableBufferPointer { memory in
          guard let base = memory.baseAddress else { return }
          kernels.table.round_panel(
            base, exact, base + count, base + 2 * count, factors, 70, rows, 127, steps, base + 3 * count)
        }
        // The values are used up, and what is left of them is not a result.
        return bits(Array(copy[count...]))
      }
      expectSame(rounded, "\(rows) rows")
      expectSame(results(values(5 * 80, seed: 20)) { $0.solve($1, 80, 5, upper(rows), rows) }, "\(rows) columns")
    }
  }

  /// `count x count`, zeros below the diagonal.
  private func upper(_ count: Int) -> [Float] {
    var matrix = values(count * count, seed: 21, scale: 0.3)
    for row in 0..<count {
      for column in 0..<row { matrix[row * count + column] = 0 }
      matrix[row * count + row] = 0.7
    }
    return matrix
  }
}
