// Keys and values of 15 bits, packed in two planes. Whole groups of 16 numbers are packed as vectors.
extension PackedActivations {
  /// Quantizes one token's key as a column of both planes.
  ///
  /// - Parameters:
  ///   - key: `inputs` numbers.
  ///   - quantizer: symmetric.
  @unsafe
  func setWideKey(_ output: Int, _ key: UnsafePointer<Int16>, _ quantizer: RowQuantizer) {
    guard let low = unsafe low else { return }
    let start = WeightLayout.index(output: output, input: 0, inputs: inputs)
    let vectors = inputs / 16 * 16
    var (highSums, lowSums) = (SIMD16<Int32>(), SIMD16<Int32>())
    for index in stride(from: 0, to: vectors, by: 16) {
      let x = unsafe UnsafeRawPointer(key + index).loadUnaligned(as: SIMD16<Int16>.self)
      let planes = WidePlanes.split(quantizer.wideSymmetricLevels(x))
      highSums &+= SIMD16(truncatingIfNeeded: planes.high)
      lowSums &+= SIMD16(truncatingIfNeeded: planes.low)
      let place = start + index / 4 * 64
      unsafe Self.storeGroups(planes.high, to: panels + place)
      unsafe Self.storeGroups(planes.low, to: low.panels + place)
    }
    var (highSum, lowSum) = (highSums.wrappedSum(), lowSums.wrappedSum())
    for index in vectors..<WeightLayout.paddedInputs(inputs) {
      let level = index < inputs ? unsafe quantizer.wideSymmetricLevel(key[index]) : 0
      let planes = WidePlanes.split(level)
      let place = start + index / 4 * 64 + index % 4
      unsafe panels[place] = planes.high
      unsafe low.panels[place] = planes.low
      highSum &+= Int32(planes.high)
      lowSum &+= Int32(planes.low)
    }
    unsafe columnSum[output] = highSum
    unsafe low.columnSum[output] = lowSum
  }

  /// Four groups of four numbers as bytes, each group 64 bytes behind the one before.
  @inline(__always) @unsafe
  private static func storeGroups(_ numbers: SIMD16<Int16>, to column: UnsafeMutablePointer<Int8>) {
    let groups = unsafe unsafeBitCast(SIMD16<Int8>(truncatingIfNeeded: numbers), to: SIMD4<UInt32>.self)
    for group in 0..<4 {
      unsafe UnsafeMutableRawPointer(column + group * 64).storeBytes(of: groups[group], as: UInt32.self)
    }
  }

  /// Packs some tokens' values in units of their low plane; larger ones than 15 bits hold are saturated.
  ///
  /// - Parameter firstToken: a multiple of 4; tokens up to the next multiple behind the last become 0.
  func setWideValues(_ values: Matrix<Int16>, at firstToken: Int) {
    guard let low = unsafe low else { return }
    let panelBytes = WeightLayout.paddedInputs(inputs) * WeightLayout.panelColumns
    for token in stride(from: 0, to: values.rows, by: 4) {
      for channel in stride(from: 0, to: values.columns, by: WeightLayout.panelColumns) {
        let place = channel / WeightLayout.panelColumns * panelBytes + (firstToken + token) / 4 * 64
        var (high, lower) = (SIMD16<UInt32>(), SIMD16<UInt32>())
        for row in 0..<min(4, values.rows - token) {
          let planes = WidePlanes.split(Self.saturated(values, token + row, channel))
          let shift = SIMD16<UInt32>(repeating: UInt32(truncatingIfNeeded: 8 * row))
          high |= (SIMD16(truncatingIfNeeded: planes.high) & 255) &<< shift
          lower |= (SIMD16(truncatingIfNeeded: planes.low) & 255) &<< shift
        }
        unsafe UnsafeMutableRawPointer(panels + place).storeBytes(of: high, as: SIMD16<UInt32>.self)
        unsafe UnsafeMutableRawPointer(low.panels + place).storeBytes(of: lower, as: SIMD16<UInt32>.self)
      }
    }
  }

  /// Up to 16 of a token's channels within the range of 15 bits; 0 beyond the last.
  @inline(__always)
  private static func saturated(_ values: Matrix<Int16>, _ token: Int, _ channel: Int) -> SIMD16<Int16> {
    var numbers = SIMD16<Int16>()
    if channel + 16 <= values.columns {
      numbers = unsafe UnsafeRawPointer(values.row(token) + channel).loadUnaligned(as: SIMD16<Int16>.self)
    } else {
      for lane in 0..<values.columns - channel { numbers[lane] = values[token, channel + lane] }
    }
    let limit = SIMD16(repeating: Int16(WideLayer.weightLimit))
    return numbers.clamped(lowerBound: 0 &- limit, upperBound: limit)
  }
}
