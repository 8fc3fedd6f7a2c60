import CKernels

// The row kernels of attention: packing keys and values, the softmax, and the output's requantization.
extension Portable {
  /// `vq_kernels.pack_keys`
  @unsafe
  static func packKeys(
    _ x: UnsafePointer<Int16>, _ stride: Int, _ first: Int32, _ tokens: Int32, _ count: Int32,
    _ panels: UnsafeMutablePointer<Int8>, _ multiplier: UnsafeMutablePointer<Int32>,
    _ columnSum: UnsafeMutablePointer<Int32>
  ) {
    for row in 0..<tokens {
      let key = unsafe x + Int(row) * stride
      let token = first + row
      var (minimum, maximum) = (Int32(0), Int32(0))
      unsafe rowRange16(key, count, &minimum, &maximum)
      let quantizer = RowQuantizer(magnitude: max(0 &- minimum, maximum))
      var cValue = quantizer.cValue
      unsafe packKeysFixed(key, stride, token, 1, count, &cValue, panels, columnSum)
      unsafe multiplier[Int(token)] = quantizer.multiplier
    }
  }

  /// `vq_kernels.pack_keys_fixed`
  @unsafe
  static func packKeysFixed(
    _ x: UnsafePointer<Int16>, _ stride: Int, _ first: Int32, _ tokens: Int32, _ count: Int32,
    _ quantizer: UnsafePointer<vq_row_quantizer>, _ panels: UnsafeMutablePointer<Int8>,
    _ columnSum: UnsafeMutablePointer<Int32>
  ) {
    let quantizer = unsafe quantizer.pointee
    let count = Int(count)
    for row in 0..<Int(tokens) {
      let token = Int(first) + row
      let key = unsafe x + row * stride
      let column = unsafe panels + WeightLayout.index(output: token, input: 0, inputs: count)
      var sum: Int32 = 0
      for index in 0..<(count + 3) / 4 * 4 {
        let level = index < count ? unsafe min(max(RowQuantizer.level(key[index], quantizer), -127), 127) : 0
        unsafe column[index / 4 * 64 + index % 4] = Int8(truncatingIfNeeded: level)
        sum &+= level
      }
      unsafe columnSum[token] = sum
    }
  }

  /// `vq_kernels.pack_values`
  @unsafe
  static func packValues(
    _ x: UnsafePointer<Int16>, _ stride: Int, _ tokens: Int32, _ channels: Int32,
    _ panel: UnsafeMutablePointer<Int8>
  ) {
    let tokens = Int(tokens)
    for token in 0..<(tokens + 3) / 4 * 4 {
      for channel in 0..<16 {
        let inside = token < tokens && channel < Int(channels)
        let value: Int16 = inside ? unsafe min(max(x[token * stride + channel], -127), 127) : 0
        unsafe panel[token / 4 * 64 + channel * 4 + token % 4] = Int8(truncatingIfNeeded: value)
      }
    }
  }

  /// `vq_kernels.pack_key_wide`
  @unsafe
  static func packKeyWide(
    _ x: UnsafePointer<Int16>, _ count: Int32, _ quantizer: UnsafePointer<vq_row_quantizer>,
    _ column: UnsafeMutablePointer<Int16>
  ) {
    let quantizer = unsafe quantizer.pointee
    let count = Int(count)
    for index in 0..<(count + 3) / 4 * 4 {
      let level = index < count ? unsafe RowQuantizer.wideLevel(x[index], quantizer) : 0
      unsafe column[index / 2 * 32 + index % 2] = level
    }
  }

  /// `vq_kernels.pack_values_wide`
  @unsafe
  static func packValuesWide(
    _ x: UnsafePointer<Int16>, _ stride: Int, _ tokens: Int32, _ channels: Int32, _ high: UnsafeMutablePointer<Int8>,
    _ low: UnsafeMutablePointer<Int8>
  ) {
    let tokens = Int(tokens)
    let limit = Int16(WideValues.limit)
    for token in 0..<(tokens + 3) / 4 * 4 {
      for channel in 0..<16 {
        let inside = token < tokens && channel < Int(channels)
        let value: Int16 = inside ? unsafe min(max(x[token * stride + channel], -limit), limit) : 0
        let planes = WidePlanes(value)
        let place = token / 4 * 64 + channel * 4 + token % 4
        unsafe high[place] = planes.high
        unsafe low[place] = planes.low
      }
    }
  }

  /// `vq_kernels.row_maximum_i32`
  @unsafe
  static func rowMaximum(_ x: UnsafePointer<Int32>, _ count: Int32) -> Int32 {
    var high = Int32.min
    for index in 0..<Int(count) {
      unsafe high = max(high, x[index])
    }
    return high
  }

  /// `vq_kernels.row_exp2`
  @unsafe
  static func rowExp2(
    _ x: UnsafePointer<Int32>, _ count: Int32, _ maximum: Int32, _ high: UnsafeMutablePointer<UInt8>,
    _ low: UnsafeMutablePointer<UInt8>?
  ) -> Int32 {
    let count = Int(count)
    var sum: Int32 = 0
    for index in 0..<(count + 3) / 4 * 4 {
      var p: Int32 = 0
      if index < count {
        // Unsigned, so that a difference that wraps counts as large: such a score is far below the maximum.
        let distance = unsafe min(UInt32(bitPattern: maximum &- x[index]), 32767)
        p = FixedPoint.exp2Negative(Int16(truncatingIfNeeded: distance))
      }
      if let low = unsafe low {
        unsafe high[index] = UInt8(truncatingIfNeeded: p &>> 7)
        unsafe low[index] = UInt8(truncatingIfNeeded: p & 127)
        sum &+= p
      } else {
        let level = (p &+ 64) &>> 7
        unsafe high[index] = UInt8(truncatingIfNeeded: level)
        sum &+= level &<< 7
      }
    }
    return sum
  }

  /// `vq_kernels.row_combine_i16`
  @unsafe
  static func rowCombine(
    _ high: UnsafePointer<Int32>, _ low: UnsafePointer<Int32>?, _ count: Int32, _ multiplier: Int32,
    _ columnMultiplier: UnsafePointer<Int32>, _ shift: Int32, _ out: UnsafeMutablePointer<Int16>
  ) {
    for index in 0..<Int(count) {
      var accumulator = unsafe high[index]
      if let low = unsafe low {
        unsafe accumulator &+= FixedPoint.roundHalfUp(low[index], shift: 7)
      }
      unsafe out[index] = FixedPoint.saturateToInt16(
        FixedPoint.requantize(
          accumulator, row: multiplier, column: columnMultiplier[index], shift: shift))
    }
  }
}

/// A value in two planes: `value = high * 2^7 + low`, with `low` from -64 to 63.
private struct WidePlanes {
  let high: Int8
  let low: Int8

  /// - Parameter value: within `WideValues.limit`.
  @inline(__always)
  init(_ value: Int16) {
    let upper = (value &+ 64) &>> 7
    high = Int8(truncatingIfNeeded: upper)
    low = Int8(truncatingIfNeeded: value &- upper &<< 7)
  }
}
