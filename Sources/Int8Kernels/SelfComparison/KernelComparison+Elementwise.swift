import CKernels

// The kernels that models of some families need between products.
extension KernelComparison {
  mutating func rowActivate(_ cases: ComparisonCases) -> Bool {
    let tables = [ActivationTable.silu, .quickGELU, .geluTanh]
    for table in tables where cases.isThorough {
      for fractionBits in Int32(0)...12 {
        guard activate(RowCases.everyInt16, table, fractionBits) else { return false }
      }
    }
    for (index, row) in cases.rows16.enumerated() {
      for table in cases.choice(of: tables, for: index) {
        for fractionBits in cases.choice(of: [Int32(9), 5, 12], for: index) {
          guard activate(row, table, fractionBits) else { return false }
        }
      }
    }
    return true
  }

  private mutating func activate(_ row: [Int16], _ activation: ActivationTable, _ fractionBits: Int32) -> Bool {
    let tails = Operand<UInt16, Memory>(activation.tails)
    let last = Int32(activation.tails.count - 3)
    return agree { table in
      let x = Operand<Int16, Memory>(row)
      unsafe table.row_activate(x.base, Int32(x.count), fractionBits, tails.base, last)
      return x.elements
    }
  }

  mutating func rowGate(_ cases: ComparisonCases) -> Bool {
    for (index, row) in cases.rows16.enumerated() {
      let rows = [row.reversed(), row, [Int16](repeating: .min, count: row.count)]
      for factors in cases.choice(of: rows, for: index) {
        let factors = Operand<Int16, Memory>(factors)
        for shift in cases.choice(of: [Int32(13), 0, 1, 22, 30], for: index) {
          let same = agree { table in
            let x = Operand<Int16, Memory>(row)
            unsafe table.row_gate(x.base, factors.base, Int32(x.count), shift)
            return x.elements
          }
          guard same else { return false }
        }
      }
    }
    return true
  }

  mutating func rowRotate(_ cases: ComparisonCases) -> Bool {
    for (index, row) in cases.rows16.enumerated() where row.count > 1 {
      let pairs = row.count / 2
      var random = SplitMix64(seed: UInt64(row.count))
      let angles: [(cosines: [Int16], sines: [Int16])] = [
        (random.numbers(pairs, in: -32767...32767), random.numbers(pairs, in: -32767...32767)),
        ([Int16](repeating: .min, count: pairs), [Int16](repeating: .min, count: pairs)),
        ([Int16](repeating: .max, count: pairs), [Int16](repeating: .min, count: pairs)),
      ]
      for (cosines, sines) in cases.choice(of: angles, for: index) {
        let (cosines, sines) = (Operand<Int16, Memory>(cosines), Operand<Int16, Memory>(sines))
        let same = agree { table in
          let x = Operand<Int16, Memory>(Array(row[..<(2 * pairs)]))
          unsafe table.row_rotate(x.base, Int32(pairs), cosines.base, sines.base)
          return x.elements
        }
        guard same else { return false }
      }
    }
    return true
  }

  mutating func rowHadamard(_ cases: ComparisonCases) -> Bool {
    let shapes: [(count: Int, block: Int32)] =
      cases.isThorough
      ? (4...12).flatMap { bits in [1, 3].map { (count: $0 << bits, block: 1 << bits) } } : [(48, 16), (64, 64)]
    for (count, block) in shapes {
      var random = SplitMix64(seed: UInt64(count))
      let signs = Operand<Int8, Memory>((0..<count).map { _ in random.next() >> 63 == 0 ? 1 : -1 })
      for row in RowCases.rows32(count) {
        let same = agree { table in
          let x = Operand<Int32, Memory>(row)
          unsafe table.row_hadamard(x.base, Int32(count), block, signs.base)
          return x.elements
        }
        guard same else { return false }
      }
    }
    return true
  }
}
