import CKernels

extension Kernels {
  /// Quantizes one head's queries, `stride` values apart, as the first of `rows`.
  @unsafe
  public func quantizeQueries(
    _ queries: UnsafePointer<Int16>, stride: Int, tokens: Int, count: Int, _ quantizer: ActivationQuantizer,
    into rows: QuantizedRows
  ) {
    for token in 0..<tokens {
      let query = unsafe queries + token * stride
      unsafe prefetch(query + Self.prefetchedTokens * stride, count: count)
      unsafe quantize(query, count: count, quantizer, into: rows, at: token)
    }
  }

  /// Quantizes one head's keys, `stride` values apart, as panels whose columns are tokens, each symmetric.
  ///
  /// - Parameters:
  ///   - multipliers: receives each key's multiplier; its scale is `multiplier / 127` units of `keys`.
  ///   - sums: receives the sum of each key's levels.
  @unsafe
  public func packKeys(
    _ keys: UnsafePointer<Int16>, stride: Int, tokens: Int, count: Int, _ quantizer: ActivationQuantizer,
    into panels: UnsafeMutablePointer<Int8>, multipliers: UnsafeMutablePointer<Int32>,
    sums: UnsafeMutablePointer<Int32>
  ) {
    for token in 0..<tokens {
      let key = unsafe keys + token * stride
      unsafe prefetch(key + Self.prefetchedTokens * stride, count: count)
      unsafe (multipliers[token], sums[token]) = packKey(key, count: count, quantizer, token: token, into: panels)
    }
  }

  /// One token's part of a head is few bytes, and the next token's is pages away: where the processor does not see the
  /// pattern, every token waits for the second-level cache or what is behind it. This many tokens are asked for ahead.
  private static let prefetchedTokens = 4

  private func prefetch(_ values: UnsafePointer<Int16>, count: Int) {
    let line = 64 / MemoryLayout<Int16>.size
    for offset in Swift.stride(from: 0, to: count, by: line) { unsafe vq_prefetch(values + offset) }
  }

  @unsafe
  private func packKey(
    _ key: UnsafePointer<Int16>, count: Int, _ quantizer: ActivationQuantizer, token: Int,
    into panels: UnsafeMutablePointer<Int8>
  ) -> (multiplier: Int32, sum: Int32) {
    let rowQuantizer: RowQuantizer
    switch quantizer {
    case .fixed(let fixed): rowQuantizer = fixed
    case .dynamic:
      let range = unsafe range(key, count: count)
      rowQuantizer = RowQuantizer(magnitude: max(0 &- range.minimum, range.maximum))
    }
    var cValue = rowQuantizer.cValue
    let offset = WeightLayout.index(output: token, input: 0, inputs: count)
    let sum = unsafe table.pack_key(key, Int32(truncatingIfNeeded: count), &cValue, panels + offset)
    return (rowQuantizer.multiplier, sum)
  }

  /// Packs the values of one head, already in units of their int8 scale, as panels whose columns are channels.
  @unsafe
  public func packValues(
    _ values: UnsafePointer<Int16>, stride: Int, tokens: Int, channels: Int, into panels: UnsafeMutablePointer<Int8>
  ) {
    let panelBytes = WeightLayout.paddedInputs(tokens) * WeightLayout.panelColumns
    for first in Swift.stride(from: 0, to: channels, by: WeightLayout.panelColumns) {
      unsafe table.pack_values(
        values + first, stride, Int32(truncatingIfNeeded: tokens),
        Int32(truncatingIfNeeded: min(WeightLayout.panelColumns, channels - first)),
        panels + first / WeightLayout.panelColumns * panelBytes)
    }
  }

  /// Unnormalised softmax of a row of scores (base 2, `FixedPoint.exp2FractionBits`).
  ///
  /// - Parameter low: the second plane, or nil for one plane of 8 bits.
  /// - Returns: the sum of what was rounded; 32640 stands for 1.
  @unsafe
  public func softmax(
    _ scores: UnsafePointer<Int32>, count: Int, high: UnsafeMutablePointer<UInt8>, low: UnsafeMutablePointer<UInt8>?
  ) -> Int32 {
    let count = Int32(truncatingIfNeeded: count)
    let maximum = unsafe table.row_maximum_i32(scores, count)
    return unsafe table.row_exp2(scores, count, maximum, high, low)
  }

  /// One row of attention output: the weighted values over the sum of their weights, as int16.
  ///
  /// - Parameters:
  ///   - sum: what `softmax` returned for the row.
  ///   - columnMultiplier: scale of each value channel, times `2^shift`.
  @unsafe
  public func combine(
    high: UnsafePointer<Int32>, low: UnsafePointer<Int32>?, count: Int, sum: Int32,
    columnMultiplier: UnsafePointer<Int32>, shift: Int32, into out: UnsafeMutablePointer<Int16>
  ) {
    let (mantissa, reciprocalShift) = FixedPoint.reciprocal(sum)
    // The planes count in units of 2^7 of the sum's.
    unsafe table.row_combine_i16(
      high, low, Int32(truncatingIfNeeded: count), mantissa, columnMultiplier, reciprocalShift &+ shift &- 7, out)
  }
}
