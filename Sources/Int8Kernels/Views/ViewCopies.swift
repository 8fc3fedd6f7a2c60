// Copies of views of a model, for memory that is smaller than the model.

/// Copies bytes from wherever they are.
package typealias ByteCopy = (UnsafeRawBufferPointer, UnsafeMutableRawPointer) -> Void

/// Copies bytes to the start of some memory, and leaves the memory behind them.
///
/// - Parameter memory: at a multiple of 64 bytes, large enough; what is left begins at one again.
@unsafe
private func place(
  _ bytes: UnsafeRawBufferPointer, in memory: inout UnsafeMutableRawBufferPointer, _ copy: ByteCopy
) -> UnsafeMutableRawPointer {
  guard let target = memory.baseAddress, bytes.count <= memory.count else {
    preconditionFailure("memory for what is copied")
  }
  unsafe copy(bytes, target)
  let taken = min((bytes.count + 63) / 64 * 64, memory.count)
  unsafe memory = UnsafeMutableRawBufferPointer(rebasing: memory[taken...])
  return unsafe target
}

/// The same of numbers.
@unsafe
private func place<Element: BitwiseCopyable>(
  _ numbers: UnsafePointer<Element>, count: Int, in memory: inout UnsafeMutableRawBufferPointer, _ copy: ByteCopy
) -> UnsafePointer<Element> {
  let bytes = unsafe UnsafeRawBufferPointer(start: numbers, count: count * MemoryLayout<Element>.stride)
  return unsafe UnsafePointer(place(bytes, in: &memory, copy).bindMemory(to: Element.self, capacity: count))
}

extension PackedMatrix {
  /// Bytes of a copy.
  package static func byteCount(outputs: Int, inputs: Int, isWide: Bool) -> Int {
    WeightLayout.byteCount(outputs: outputs, inputs: inputs, isWide: isWide) + 3 * 4
      * WeightLayout.paddedOutputs(outputs)
  }

  /// A copy in memory of at least `byteCount` bytes, at a multiple of 64.
  @unsafe
  package func copied(to memory: UnsafeMutableRawBufferPointer, _ copy: ByteCopy) -> PackedMatrix {
    var memory = unsafe memory
    let bytes = unsafe weightBytes
    let count = WeightLayout.paddedOutputs(outputs)
    return unsafe PackedMatrix(
      weights: place(bytes, in: &memory, copy), isWide: isWide,
      multiplier: place(multiplier, count: count, in: &memory, copy),
      columnSum: place(columnSum, count: count, in: &memory, copy),
      bias: place(bias, count: count, in: &memory, copy), outputs: outputs, inputs: inputs, shift: shift)
  }
}

extension Matrix {
  /// A copy of a matrix without gaps between its rows, in memory that is large enough, at a multiple of 64 bytes.
  @unsafe
  package func copied(to memory: UnsafeMutableRawBufferPointer, _ copy: ByteCopy) -> Matrix {
    precondition(stride == columns, "a matrix without gaps between its rows")
    var memory = unsafe memory
    let numbers = unsafe place(UnsafePointer(base), count: rows * columns, in: &memory, copy)
    return unsafe Matrix(reading: Vector(base: numbers, count: rows * columns), rows: rows, columns: columns)
  }
}

extension IntegerNorm {
  /// A copy in memory that is large enough, at a multiple of 64 bytes.
  @unsafe
  package func copied(to memory: UnsafeMutableRawBufferPointer, _ copy: ByteCopy) -> IntegerNorm {
    var memory = unsafe memory
    let newGain = unsafe Vector(base: place(gain.base, count: width, in: &memory, copy), count: width)
    let newBias = unsafe Vector(base: place(bias.base, count: width, in: &memory, copy), count: width)
    return IntegerNorm(
      gain: newGain, bias: newBias, shift: shift, epsilon: epsilon, subtractsMean: subtractsMean)
  }
}

extension HiddenOperation {
  /// The same with a copy of its factors in memory that is large enough, at a multiple of 64 bytes.
  @unsafe
  package func copied(to memory: UnsafeMutableRawBufferPointer, _ copy: ByteCopy) -> HiddenOperation {
    var memory = unsafe memory
    let newFactors = factors.map {
      unsafe Vector(base: place($0.base, count: $0.count, in: &memory, copy), count: $0.count)
    }
    return HiddenOperation(
      activation: activation, fractionBits: fractionBits, gateShift: gateShift, factors: newFactors, norm: norm)
  }
}

extension ChannelScales {
  /// A copy in memory that is large enough, at a multiple of 64 bytes.
  @unsafe
  package func copied(to memory: UnsafeMutableRawBufferPointer, _ copy: ByteCopy) -> ChannelScales {
    var memory = unsafe memory
    let numbers = unsafe place(multiplier.base, count: multiplier.count, in: &memory, copy)
    return unsafe ChannelScales(multiplier: Vector(base: numbers, count: multiplier.count), shift: shift)
  }
}
