import CKernels

/// A scale for each channel of a head's values, in units of the attention output.
package struct ChannelScales: Sendable {
  /// `scale * 2^shift` for each channel, -32767 to 32767.
  package let multiplier: Vector<Int32>
  package let shift: Int32

  package init(multiplier: Vector<Int32>, shift: Int32) {
    self.multiplier = multiplier
    self.shift = shift
  }

  /// From a channel on.
  package func dropFirst(_ first: Int) -> ChannelScales {
    ChannelScales(multiplier: multiplier.dropFirst(first), shift: shift)
  }
}

// One head of attention, from int16 queries, keys and values to int16 output.
extension Kernels {
  /// Quantizes a head's queries as the rows of `out`.
  package func quantizeQueries(_ queries: Matrix<Int16>, _ quantizer: ActivationQuantizer, into out: QuantizedRows) {
    if quantizer == .dynamic, !out.isWide { return quantizeByOwnRange(queries, into: out) }
    for token in 0..<queries.rows {
      prefetch(queries, after: token)
      quantizeRow(queries, token, quantizer, into: out, at: token)
    }
  }

  private func quantizeByOwnRange(_ queries: Matrix<Int16>, into out: QuantizedRows) {
    precondition(queries.rows <= out.rows && queries.columns == out.columns, "activations of one width")
    guard queries.rows > 0 else { return }
    unsafe table.rows_quantize_u8(
      queries.base, queries.stride, Int32(truncatingIfNeeded: queries.rows),
      Int32(truncatingIfNeeded: queries.columns), out.row(0), out.stride, out.multiplier, out.zeroPoint)
    for row in 0..<queries.rows { out.clearTail(ofRow: row) }
  }

  /// Quantizes a head's keys as panels whose columns are tokens, each symmetric with a scale of its own:
  /// `multiplier / 127` units of `keys`, or 2^-5 of that in wide keys.
  ///
  /// - Parameter first: the token that the first row of `keys` is.
  package func packKeys(
    _ keys: Matrix<Int16>, _ quantizer: ActivationQuantizer, into packed: PackedKeys, at first: Int = 0
  ) {
    precondition(
      first >= 0 && first + keys.rows <= packed.tokens && packed.headWidth == keys.columns, "a column for each token")
    if packed.isWide { return packWideKeys(keys, quantizer, into: packed, at: first) }
    let (column, tokens) = (Int32(truncatingIfNeeded: first), Int32(truncatingIfNeeded: keys.rows))
    let count = Int32(truncatingIfNeeded: keys.columns)
    let panels = unsafe packed.levels(as: Int8.self)
    switch quantizer {
    case .dynamic:
      unsafe table.pack_keys(
        keys.base, keys.stride, column, tokens, count, panels, packed.multiplier, packed.columnSum)
    case .fixed(let fixed):
      var cValue = fixed.cValue
      unsafe table.pack_keys_fixed(
        keys.base, keys.stride, column, tokens, count, &cValue, panels, packed.columnSum)
      for token in first..<first + keys.rows { unsafe packed.multiplier[token] = fixed.multiplier }
    }
  }

  private func packWideKeys(
    _ keys: Matrix<Int16>, _ quantizer: ActivationQuantizer, into packed: PackedKeys, at first: Int
  ) {
    for token in 0..<keys.rows {
      prefetch(keys, after: token)
      let key = unsafe keys.row(token)
      let rowQuantizer: RowQuantizer
      switch quantizer {
      case .fixed(let fixed): rowQuantizer = fixed
      case .dynamic:
        let range = unsafe range(key, count: keys.columns)
        rowQuantizer = RowQuantizer(magnitude: max(0 &- range.minimum, range.maximum))
      }
      let output = first + token
      unsafe packed.multiplier[output] = rowQuantizer.multiplier
      var cValue = rowQuantizer.cValue
      let place = WeightLayout.index(output: output, input: 0, inputs: keys.columns, isWide: true)
      unsafe table.pack_key_wide(
        key, Int32(truncatingIfNeeded: keys.columns), &cValue, packed.levels(as: Int16.self) + place)
      // Wide queries have no zero point.
      unsafe packed.columnSum[output] = 0
    }
  }

  /// Packs a head's values, already in units of their int8 scale, or in units 2^7 smaller for two planes, as panels whose
  /// columns are channels.
  ///
  /// - Parameter firstToken: the token that the first row of `values` is, a multiple of 4.
  package func packValues(_ values: Matrix<Int16>, into packed: PackedValues, at firstToken: Int = 0) {
    precondition(
      packed.headWidth == values.columns && firstToken >= 0 && firstToken.isMultiple(of: 4)
        && firstToken + values.rows <= packed.tokens, "a column for each channel, whole groups of 4 tokens")
    let panelBytes = WeightLayout.paddedInputs(packed.tokens) * WeightLayout.panelColumns
    let tokens = Int32(truncatingIfNeeded: values.rows)
    for first in stride(from: 0, to: values.columns, by: WeightLayout.panelColumns) {
      let x = unsafe values.base + first
      let channels = Int32(truncatingIfNeeded: min(WeightLayout.panelColumns, values.columns - first))
      let place = first / WeightLayout.panelColumns * panelBytes + firstToken * WeightLayout.panelColumns
      if packed.isWide {
        unsafe table.pack_values_wide(
          x, values.stride, tokens, channels, packed.panels + place, packed.lowPanels + place)
      } else {
        unsafe table.pack_values(x, values.stride, tokens, channels, packed.panels + place)
      }
    }
  }

  /// Unnormalised softmax of each row of scores (base 2, `FixedPoint.exp2FractionBits`).
  ///
  /// - Parameters:
  ///   - probabilities: a row for each row of scores; with a second plane as many again, in the same order.
  ///   - sums: receives the sum of what each row was rounded to, where 32640 stands for 1; one row.
  package func softmax(_ scores: Matrix<Int32>, into probabilities: QuantizedRows, sums: Matrix<Int32>) {
    let rows = scores.rows
    let hasSecondPlane = probabilities.rows == 2 * rows
    precondition(
      (hasSecondPlane || probabilities.rows == rows) && probabilities.columns == scores.columns
        && sums.columns >= rows, "one or two rows of probabilities for each row of scores")
    let count = Int32(truncatingIfNeeded: scores.columns)
    for row in 0..<rows {
      let x = unsafe scores.row(row)
      let maximum = unsafe table.row_maximum_i32(x, count)
      let low = unsafe hasSecondPlane ? probabilities.row(rows + row) : nil
      sums[0, row] = unsafe table.row_exp2(x, count, maximum, probabilities.row(row), low)
    }
  }

  /// The sums of values, each times its probability: a row for each row of the softmax's planes and, for wide values, as
  /// many again as the softmax has rows, of the high plane of the one and the low plane of the other. The product of the two
  /// low planes, under 2^-14 of the range, is left out.
  ///
  /// A sum of either kind is at most 255 * 127 for each token.
  package func sumValues(_ probabilities: QuantizedRows, _ values: PackedValues, into out: Matrix<Int32>) {
    let planeRows = probabilities.rows
    sumProducts(probabilities, with: values.matrix(lowPlane: false), into: out.rows(0..<planeRows))
    guard values.isWide else { return }
    precondition(planeRows.isMultiple(of: 2), "two planes of probabilities beside two of values")
    sumProducts(
      probabilities.rows(0..<planeRows / 2), with: values.matrix(lowPlane: true),
      into: out.rows(planeRows..<planeRows + planeRows / 2))
  }

  /// Attention output: the weighted values over the sum of their weights, as int16.
  ///
  /// - Parameters:
  ///   - weighted: what `sumValues` gave, one, two or three rows for each row of `out`. The third is added to the
  ///     second, whose unit it has.
  ///   - sums: what `softmax` gave for each row.
  ///   - scales: of the channels of `out`.
  package func combine(
    _ weighted: Matrix<Int32>, sums: Matrix<Int32>, _ scales: ChannelScales, into out: Matrix<Int16>
  ) {
    let rows = out.rows
    let isWide = weighted.rows == 3 * rows
    let hasSecondPlane = isWide || weighted.rows == 2 * rows
    precondition(
      (hasSecondPlane || weighted.rows == rows) && weighted.columns == out.columns
        && scales.multiplier.count >= out.columns, "one, two or three rows of sums for each row of output")
    for row in 0..<rows {
      let (mantissa, shift) = FixedPoint.reciprocal(sums[0, row])
      if isWide {
        let (second, third) = unsafe (weighted.row(rows + row), weighted.row(2 * rows + row))
        // No overflow: 127 * 127 + 255 * 64 for each of at most 32,768 tokens.
        for column in 0..<weighted.columns { unsafe second[column] &+= third[column] }
      }
      let low = unsafe hasSecondPlane ? UnsafePointer(weighted.row(rows + row)) : nil
      // The accumulator's unit is 2^7 of the sum's: the upper plane holds the probabilities without their lower 7 bits.
      unsafe table.row_combine_i16(
        weighted.row(row), low, Int32(truncatingIfNeeded: out.columns), mantissa, scales.multiplier.base,
        shift &+ scales.shift &- 7, out.row(row))
    }
  }

  /// The number of tokens that are prefetched ahead. A token's part of a head is few bytes, and the next token's part
  /// lies up to some pages further on. A processor that does not prefetch such a pattern by itself would wait for every
  /// token.
  private static let prefetchedTokens = 4

  private func prefetch(_ x: Matrix<Int16>, after token: Int) {
    let values = unsafe x.base + (token + Self.prefetchedTokens) * x.stride
    let line = 64 / MemoryLayout<Int16>.size
    for offset in stride(from: 0, to: x.columns, by: line) { unsafe vq_prefetch(values + offset) }
  }
}
