import Foundation
import Testing

@testable import Int8Kernels

@Suite("SiLU, QuickGELU and the tanh form of GELU in integers")
struct ActivationTableTests {
  private static let functions: [(name: String, table: ActivationTable, exact: @Sendable (Double) -> Double)] = [
    ("silu", .silu, { $0 / (1 + exp(-$0)) }), ("quick_gelu", .quickGELU, { $0 / (1 + exp(-1.702 * $0)) }),
    ("gelu_tanh", .geluTanh, { $0 * 0.5 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
  ]

  @Test("Each stays within 4e-5 and half a unit of the exact function, for every x", arguments: 0..<3, Int32(5)...12)
  func errors(_ index: Int, fractionBits: Int32) {
    let (name, table, exact) = Self.functions[index]
    let unit = 1 / Double(1 << fractionBits)
    var values = Array(Int16.min...Int16.max)
    values.withUnsafeMutableBufferPointer { values in
      guard let base = values.baseAddress else { return }
      unsafe Kernels.portable.apply(table, to: base, count: values.count, fractionBits: fractionBits)
    }
    var worst = 0.0
    for (x, value) in zip(Int16.min...Int16.max, values) {
      let error = abs(Double(value) * unit - exact(Double(x) * unit))
      // -32768 counts as -32767.
      if x != Int16.min { worst = max(worst, error) }
    }
    #expect(worst <= 4e-5 + unit / 2, "\(name)")
  }

  @Test("A row's norm has the bits of the residual stream's norm", arguments: [true, false])
  func norms(subtractsMean: Bool) {
    var generator = SplitMix64(seed: 7)
    for width in [1, 3, 16, 65] {
      let gain = (0..<width).map { _ in Int32.random(in: -32767...32767, using: &generator) }
      let bias = (0..<width).map { _ in Int32.random(in: -20_000...20_000, using: &generator) }
      var row = (0..<width).map { _ in Int16.random(in: -32768...32767, using: &generator) }
      var wide = row.map { Int32($0) }
      var expected = [Int32](repeating: 0, count: width)
      gain.withUnsafeBufferPointer { gain in
        bias.withUnsafeBufferPointer { bias in
          guard let gains = gain.baseAddress, let biases = bias.baseAddress else { return }
          let norm = IntegerNorm(
            gain: unsafe Vector(base: gains, count: width), bias: unsafe Vector(base: biases, count: width), shift: 1,
            epsilon: 12345, subtractsMean: subtractsMean)
          row.withUnsafeMutableBufferPointer { row in
            guard let base = row.baseAddress else { return }
            Kernels.portable.normalize(unsafe Matrix(base: base, rows: 1, columns: width), rows: 0..<1, norm)
          }
          wide.withUnsafeMutableBufferPointer { wide in
            expected.withUnsafeMutableBufferPointer { expected in
              guard let from = wide.baseAddress, let to = expected.baseAddress else { return }
              Kernels.portable.normalize(
                unsafe Matrix(base: from, rows: 1, columns: width), row: 0, norm,
                into: unsafe Matrix(base: to, rows: 1, columns: width), at: 0)
            }
          }
        }
      }
      #expect(row.map { Int32($0) } == expected.map { min(max($0, -32768), 32767) }, "\(width)")
    }
  }

  @Test("A rotation stays within 2 units of the exact one, at every angle and at the ends of the range")
  func rotationErrors() {
    var worst = 0.0
    let ends: [Int16] = [.min, -32767, -1, 0, 1, 12345, .max]
    for step in 0..<4000 {
      let angle = Double(step) * 2 * Double.pi / 4000
      let cosine = Int16(min(max((cos(angle) * 32768).rounded(), -32767), 32767))
      let sine = Int16(min(max((sin(angle) * 32768).rounded(), -32767), 32767))
      for a in ends {
        for b in ends {
          let pair = turn(a, b, cosine, sine)
          let exact = (
            Double(a) * cos(angle) - Double(b) * sin(angle), Double(b) * cos(angle) + Double(a) * sin(angle)
          )
          let saturated = (min(max(exact.0, -32768), 32767), min(max(exact.1, -32768), 32767))
          worst = max(worst, abs(Double(pair.0) - saturated.0), abs(Double(pair.1) - saturated.1))
        }
      }
    }
    #expect(worst <= 2)
  }

  private func turn(_ a: Int16, _ b: Int16, _ cosine: Int16, _ sine: Int16) -> (Int16, Int16) {
    var pair = [a, b]
    pair.withUnsafeMutableBufferPointer { pair in
      guard let base = pair.baseAddress else { return }
      withUnsafePointer(to: cosine) { cosine in
        withUnsafePointer(to: sine) { sine in unsafe Portable.rowRotate(base, 1, cosine, sine) }
      }
    }
    return (pair[0], pair[1])
  }

  @Test("A rotation turns each pair, rounds half up, saturates, and leaves rows before the patches alone")
  func rotation() {
    var rows: [Int16] = [5, 6, 7, 8, 1000, -2000, 3000, 32767, -7, 9, -11, 32767]
    let cosines: [Int16] = [32767, 0, -16384, 23170]
    let sines: [Int16] = [0, 32767, 28378, 23170]
    func turned(_ a: Double, _ b: Double, _ angle: Int) -> (Int16, Int16) {
      let (c, s) = (Double(cosines[angle]) / 32768, Double(sines[angle]) / 32768)
      func level(_ x: Double) -> Int16 { Int16(min(max((x + 0.5).rounded(.down), -32768), 32767)) }
      return (level(a * c - b * s), level(b * c + a * s))
    }
    let before = rows
    rows.withUnsafeMutableBufferPointer { values in
      cosines.withUnsafeBufferPointer { cosines in
        sines.withUnsafeBufferPointer { sines in
          guard let base = values.baseAddress, let c = cosines.baseAddress, let s = sines.baseAddress else { return }
          let rotation = Rotation(
            cosines: unsafe Matrix(reading: Vector(base: c, count: 4), rows: 2, columns: 2),
            sines: unsafe Matrix(reading: Vector(base: s, count: 4), rows: 2, columns: 2))
          Kernels.portable.rotate(unsafe Matrix(base: base, rows: 3, columns: 4), rotation, from: -1)
        }
      }
    }
    #expect(Array(rows[..<4]) == Array(before[..<4]))
    for row in 1...2 {
      for pair in 0..<2 {
        let place = 4 * row + pair
        let (a, b) = turned(Double(before[place]), Double(before[place + 2]), 2 * (row - 1) + pair)
        #expect(rows[place] == a && rows[place + 2] == b, "row \(row), pair \(pair)")
      }
    }
  }
}
