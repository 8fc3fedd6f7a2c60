/// Memory that a head's keys are packed into; read as a `PackedMatrix` whose outputs are tokens.
@safe
package struct PackedKeys: @unchecked Sendable {
  /// `WeightLayout.byteCount(outputs:inputs:isWide:)` bytes.
  let panels: UnsafeMutableRawPointer
  /// Whether levels are int16.
  package let isWide: Bool
  /// One for each token, padded to whole panels.
  let multiplier: UnsafeMutablePointer<Int32>
  let columnSum: UnsafeMutablePointer<Int32>
  /// Zeros, as many as `multiplier` has numbers: the bias.
  let zeros: Vector<Int32>
  package let tokens: Int
  package let headWidth: Int

  @unsafe
  package init(
    panels: UnsafeMutableRawPointer, isWide: Bool = false, multiplier: UnsafeMutablePointer<Int32>,
    columnSum: UnsafeMutablePointer<Int32>, zeros: Vector<Int32>, tokens: Int, headWidth: Int
  ) {
    precondition(zeros.count >= WeightLayout.paddedOutputs(tokens), "a bias of zero for each token")
    unsafe self.panels = panels
    self.isWide = isWide
    unsafe self.multiplier = multiplier
    unsafe self.columnSum = columnSum
    self.zeros = zeros
    self.tokens = tokens
    self.headWidth = headWidth
  }

  /// The same memory for keys that are not more.
  ///
  /// - Parameter isWide: only where these are.
  @inline(__always)
  package func sized(tokens: Int, isWide: Bool) -> PackedKeys {
    precondition(tokens <= self.tokens && (!isWide || self.isWide), "keys that there is room for")
    return unsafe PackedKeys(
      panels: panels, isWide: isWide, multiplier: multiplier, columnSum: columnSum, zeros: zeros, tokens: tokens,
      headWidth: headWidth)
  }

  /// The levels, of the type that `isWide` says.
  @unsafe @inline(__always)
  func levels<Level: FixedWidthInteger>(as type: Level.Type) -> UnsafeMutablePointer<Level> {
    let count = WeightLayout.paddedOutputs(tokens) * WeightLayout.paddedInputs(headWidth)
    return unsafe panels.bindMemory(to: type, capacity: count)
  }

  /// As an operand of a product with queries.
  ///
  /// - Parameter shift: of keys and queries of 8 bits, 0 to 62. Wide ones have levels of `WideLayer.levelBits` more bits
  ///   each.
  package func matrix(shift: Int32) -> PackedMatrix {
    unsafe PackedMatrix(
      weights: panels, isWide: isWide, multiplier: multiplier, columnSum: columnSum, bias: zeros.base,
      outputs: tokens, inputs: headWidth, shift: isWide ? min(shift &+ 2 &* WideLayer.levelBits, 62) : shift)
  }
}

/// Memory that a head's values are packed into; read as a `PackedMatrix` whose outputs are channels.
@safe
package struct PackedValues: @unchecked Sendable {
  /// One plane of `WeightLayout.byteCount(outputs:inputs:)` bytes or, for wide values, two, the low one behind the high one.
  let panels: UnsafeMutablePointer<Int8>
  package let isWide: Bool
  /// As many as there are channels, padded to whole panels: products with values are plain sums.
  let zeros: Vector<Int32>
  package let headWidth: Int
  package let tokens: Int

  @unsafe
  package init(
    panels: UnsafeMutablePointer<Int8>, isWide: Bool = false, zeros: Vector<Int32>, headWidth: Int, tokens: Int
  ) {
    precondition(zeros.count >= WeightLayout.paddedOutputs(headWidth), "a zero for each channel")
    unsafe self.panels = panels
    self.isWide = isWide
    self.zeros = zeros
    self.headWidth = headWidth
    self.tokens = tokens
  }

  /// The same memory for values that are not more.
  ///
  /// - Parameter isWide: only where these are.
  @inline(__always)
  package func sized(tokens: Int, isWide: Bool) -> PackedValues {
    precondition(tokens <= self.tokens && (!isWide || self.isWide), "values that there is room for")
    return unsafe PackedValues(panels: panels, isWide: isWide, zeros: zeros, headWidth: headWidth, tokens: tokens)
  }

  /// The second plane.
  @unsafe @inline(__always)
  var lowPanels: UnsafeMutablePointer<Int8> {
    precondition(isWide, "values of two planes")
    return unsafe panels + WeightLayout.byteCount(outputs: headWidth, inputs: tokens)
  }

  /// A plane as an operand of plain sums.
  func matrix(lowPlane: Bool) -> PackedMatrix {
    unsafe PackedMatrix(
      weights: lowPlane ? lowPanels : panels, isWide: false, multiplier: zeros.base, columnSum: zeros.base,
      bias: zeros.base, outputs: headWidth, inputs: tokens, shift: 0)
  }
}
