import Testing

@testable import Int8Kernels

struct HadamardRotationTests {
  private static let widths = [16, 48, 192, 384, 1024]

  /// The rotation's matrix, from its definition: Sylvester's matrices, whose element (i, j) is -1 to the number of bits
  /// that i and j share.
  private static func matrix(_ rotation: HadamardRotation) -> [[Double]] {
    let (width, block) = (rotation.width, rotation.block)
    func round(_ number: Int) -> [[Double]] {
      (0..<width).map { row in
        (0..<width).map { column in
          guard row / block == column / block else { return 0 }
          let first = row / block * block
          let sum = (0..<block).reduce(0) { sum, index in
            let parity = (((row - first) & index).nonzeroBitCount + ((column - first) & index).nonzeroBitCount) % 2
            return sum + (parity == 0 ? 1 : -1) * Int(rotation.signs[number * width + first + index])
          }
          return Double(sum) / Double(block)
        }
      }
    }
    var order = Array(0..<width)
    for pair in stride(from: 0, to: rotation.pairs.count - 1, by: 2) {
      for lane in 0..<16 {
        order.swapAt(Int(rotation.pairs[pair]) * 16 + lane, Int(rotation.pairs[pair + 1]) * 16 + lane)
      }
    }
    let (first, second) = (round(0), round(1))
    return second.map { row in
      (0..<width).map { column in (0..<width).reduce(0.0) { $0 + row[$1] * first[order[$1]][column] } }
    }
  }

  private static func rotate(
    _ row: [Int32], _ rotation: HadamardRotation, isInverse: Bool = false, _ kernels: Kernels = .portable
  ) -> [Int32] {
    var row = row
    let width = row.count
    row.withUnsafeMutableBufferPointer {
      guard let base = $0.baseAddress else { return }
      kernels.rotate(
        unsafe Matrix(base: base, rows: 1, columns: width), row: 0, rotation, isInverse: isInverse)
    }
    return row
  }

  @Test(arguments: widths)
  func `A rotated row is the product with the matrix of the definition`(width: Int) throws {
    let rotation = try #require(HadamardRotation(width: width, seed: 3))
    var random = SplitMix64(seed: UInt64(width))
    for bits in [10, 18, 29] {
      let row = random.numbers(width, in: -(Int32(1) << bits)...(Int32(1) << bits))
      let rotated = Self.rotate(row, rotation)
      // Rows of large numbers are rounded to fewer bits, and so is the result.
      let step = Double(1 << max(bits - 17, 0))
      for (got, factors) in zip(rotated, Self.matrix(rotation)) {
        let exact = zip(factors, row).reduce(0) { $0 + $1.0 * Double($1.1) }
        #expect(abs(Double(got) - exact) <= 4 * step || abs(exact) > Double(FixedPoint.residualLimit))
      }
    }
  }

  @Test(arguments: widths)
  func `Rotating back gives the row again`(width: Int) throws {
    let rotation = try #require(HadamardRotation(width: width, seed: 1))
    var random = SplitMix64(seed: 7)
    for bits in [12, 20, 28] {
      let row = random.numbers(width, in: -(Int32(1) << bits)...(Int32(1) << bits))
      let back = Self.rotate(Self.rotate(row, rotation), rotation, isInverse: true)
      let largest = zip(row, back).map { abs(Int($0) - Int($1)) }.max() ?? 0
      #expect(largest <= 6 << max(bits - 17, 0), "\(bits) bits")
    }
  }

  @Test(arguments: widths)
  func `A rotation keeps the mean, and spreads what one channel holds`(width: Int) throws {
    let rotation = try #require(HadamardRotation(width: width, seed: 0))
    var row = [Int32](repeating: 5000, count: width)
    #expect(Self.rotate(row, rotation) == row)
    row = Array(repeating: 0, count: width)
    row[width / 3] = 1 << 20
    let rotated = Self.rotate(row, rotation)
    let largest = rotated.map { abs($0) }.max() ?? 0
    #expect(width < 192 || largest < (1 << 20) / 3)
    #expect(abs(rotated.reduce(0) { $0 + Int($1) } - (1 << 20)) <= width)
  }

  @Test func `Rows of the largest numbers are held within the residual stream's range`() throws {
    let rotation = try #require(HadamardRotation(width: 384, seed: 0))
    for value in [Int32.min, .max] {
      let row = (0..<384).map { $0 % 2 == 0 ? value : 0 &- value }
      let rotated = Self.rotate(row, rotation)
      #expect(rotated.allSatisfy { abs($0) <= FixedPoint.residualLimit })
      #expect(rotated.contains { $0 != 0 })
    }
  }

  @Test func `Widths that no block of 16 divides have no rotation`() {
    #expect(HadamardRotation(width: 56, seed: 0) == nil)
    #expect(HadamardRotation(width: 0, seed: 0) == nil)
    #expect(HadamardRotation(width: 1280, seed: 0)?.block == 256)
    #expect(HadamardRotation(width: 8192, seed: 0)?.block == 4096)
  }
}
