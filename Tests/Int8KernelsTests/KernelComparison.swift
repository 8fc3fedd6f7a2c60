import CKernels

@testable import Int8Kernels

/// Whether a table's kernels give what another's give, bit for bit. Each function is one kernel on the rows of one
/// length; all memory is guarded.
struct KernelComparison {
  let tested: vq_kernels
  let expected: vq_kernels

  init(of tested: vq_kernels, with expected: vq_kernels) {
    self.tested = tested
    self.expected = expected
  }

  private func agree<Output: Equatable>(_ output: (vq_kernels) -> Output) -> Bool {
    output(tested) == output(expected)
  }

  func matmul(_ shape: MatmulCase) -> Bool {
    let operands = MatmulOperands(shape)
    return agree { table in operands.run { table.matmul($0) } }
  }

  func range32(count: Int) -> Bool {
    RowCases.rows32(count).allSatisfy { row in
      let x = GuardedBuffer(row)
      return agree { table in
        var (sum, low, high) = (Int64(0), Int32(0), Int32(0))
        table.row_range_i32(x.base, Int32(count), &sum, &low, &high)
        return [sum, Int64(low), Int64(high)]
      }
    }
  }

  func squareSum(count: Int) -> Bool {
    let parameters: [(mean: Int32, shift: Int32)] = [(0, 0), (17, 1), (-123_456, 9), (.max, 13), (.min, 30)]
    return RowCases.rows32(count).allSatisfy { row in
      let x = GuardedBuffer(row)
      return parameters.allSatisfy { parameter in
        agree { $0.row_square_sum(x.base, Int32(count), parameter.mean, parameter.shift) }
      }
    }
  }

  func normalize(count: Int) -> Bool {
    let parameters: [(mean: Int32, centerShift: Int32, multiplier: Int32, shift: Int32)] = [
      (0, 0, 1, 0), (-700, 3, 32767, 40), (12345, 9, 16384, 25), (.max, 30, 32767, 62), (.min, 1, 20000, 33),
    ]
    var random = SplitMix64(seed: 7)
    let gain = GuardedBuffer(random.numbers(count, in: Int32(-32767)...32767))
    let bias = GuardedBuffer(random.numbers(count, in: Int32.min...Int32.max))
    return RowCases.rows32(count).allSatisfy { row in
      let x = GuardedBuffer(row)
      return parameters.allSatisfy { parameter in
        agree { table in
          let narrow = GuardedBuffer(repeating: Int16(99), count: count)
          let wide = GuardedBuffer(repeating: Int32(99), count: count)
          table.row_normalize_i16(
            x.base, Int32(count), parameter.mean, parameter.centerShift, parameter.multiplier, gain.base, bias.base,
            parameter.shift, narrow.base)
          table.row_normalize_i32(
            x.base, Int32(count), parameter.mean, parameter.centerShift, parameter.multiplier, gain.base, bias.base,
            parameter.shift, wide.base)
          return narrow.elements.map { Int32($0) } + wide.elements
        }
      }
    }
  }

  func range16(count: Int) -> Bool {
    RowCases.rows16(count).allSatisfy { row in
      let x = GuardedBuffer(row)
      return agree { table in
        var (low, high) = (Int32(0), Int32(0))
        table.row_range_i16(x.base, Int32(count), &low, &high)
        return [low, high]
      }
    }
  }

  func gelu(_ row: [Int16], fractionBits: Int32) -> Bool {
    agree { table in
      let x = GuardedBuffer(row)
      var (low, high) = (Int32(0), Int32(0))
      table.row_gelu(x.base, Int32(row.count), fractionBits, &low, &high)
      return x.elements.map { Int32($0) } + [low, high]
    }
  }

  func quantize(_ row: [Int16], _ quantizer: vq_row_quantizer) -> Bool {
    let x = GuardedBuffer(row)
    return agree { table in
      let out = GuardedBuffer(repeating: UInt8(99), count: row.count)
      withUnsafePointer(to: quantizer) { table.row_quantize_u8(x.base, Int32(row.count), $0, out.base) }
      return out.elements
    }
  }

  /// With every seventh quantizer: together, the lengths see them all.
  func quantize(count: Int) -> Bool {
    RowCases.rows16(count).allSatisfy { row in
      stride(from: count % 7, to: RowCases.quantizers.count, by: 7).allSatisfy {
        quantize(row, RowCases.quantizers[$0])
      }
    }
  }

  /// With every seventh quantizer: together, the lengths see them all.
  func packKey(count: Int) -> Bool {
    // A column of a panel ends with the last group's four bytes.
    let size = ((count + 3) / 4 - 1) * 64 + 4
    return RowCases.rows16(count).prefix(3).allSatisfy { row in
      let x = GuardedBuffer(row)
      return stride(from: count % 7, to: RowCases.quantizers.count, by: 7).allSatisfy { index in
        agree { table in
          let panel = GuardedBuffer(repeating: Int8(99), count: size)
          let sum = withUnsafePointer(to: RowCases.quantizers[index]) {
            table.pack_key(x.base, Int32(count), $0, panel.base)
          }
          return [sum] + panel.elements.map { Int32($0) }
        }
      }
    }
  }

  func packValues(tokens: Int) -> Bool {
    var random = SplitMix64(seed: UInt64(tokens))
    for channels in 1...16 {
      for stride in [channels, channels + 1, channels + 48] {
        let x = GuardedBuffer(random.numbers((tokens - 1) * stride + channels, in: Int16(-200)...200))
        x.base[0] = .min
        x.base[x.count - 1] = .max
        let same = agree { table in
          let panel = GuardedBuffer(repeating: Int8(99), count: (tokens + 3) / 4 * 64)
          table.pack_values(x.base, stride, Int32(tokens), Int32(channels), panel.base)
          return panel.elements
        }
        if !same { return false }
      }
    }
    return true
  }

  func maximum(count: Int) -> Bool {
    RowCases.rows32(count).allSatisfy { row in
      let x = GuardedBuffer(row)
      return agree { $0.row_maximum_i32(x.base, Int32(count)) }
    }
  }

  func exp2(_ row: [Int32], maximum: Int32, planes: Int) -> Bool {
    let x = GuardedBuffer(row)
    let size = (row.count + 3) / 4 * 4
    return agree { table in
      let high = GuardedBuffer(repeating: UInt8(99), count: size)
      let low = GuardedBuffer(repeating: UInt8(99), count: size)
      let sum = table.row_exp2(x.base, Int32(row.count), maximum, high.base, planes == 2 ? low.base : nil)
      return [sum] + (high.elements + low.elements).map { Int32($0) }
    }
  }

  func exp2(count: Int) -> Bool {
    RowCases.rows32(count).allSatisfy { row in
      let largest = row.max() ?? 0
      return exp2(row, maximum: largest, planes: 1) && exp2(row, maximum: largest, planes: 2)
        && exp2(row, maximum: .min, planes: 2) && exp2(row, maximum: 0, planes: 1)
    }
  }

  func combine(count: Int) -> Bool {
    let parameters: [(multiplier: Int32, shift: Int32)] = [(1, 0), (32767, 30), (16384, 33), (0, 5), (32767, 62)]
    var random = SplitMix64(seed: UInt64(count))
    let low = GuardedBuffer(random.numbers(count, in: Int32.min...Int32.max))
    let columns = GuardedBuffer(random.numbers(count, in: Int32(-32767)...32767))
    return RowCases.rows32(count).allSatisfy { row in
      let high = GuardedBuffer(row)
      return parameters.allSatisfy { parameter in
        [nil, low.base].allSatisfy { lowBase in
          agree { table in
            let out = GuardedBuffer(repeating: Int16(99), count: count)
            table.row_combine_i16(
              high.base, lowBase, Int32(count), parameter.multiplier, columns.base, parameter.shift, out.base)
            return out.elements
          }
        }
      }
    }
  }
}
