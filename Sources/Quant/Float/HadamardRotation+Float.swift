import Int8Kernels
import ViTLite

// The rotation of float vectors, and of the weights that read or write the residual stream.
extension HadamardRotation {
  /// Rotates `count` vectors of `width` numbers, one after the other, in place, or back.
  @unsafe
  func apply(toRows x: UnsafeMutablePointer<Float>, count: Int, isInverse: Bool = false) {
    for row in 0..<count { unsafe apply(x + row * width, columns: 1, isInverse: isInverse) }
  }

  /// Rotates the columns of a matrix of `width x columns`, row-major, in place, or back.
  @unsafe
  func apply(_ x: UnsafeMutablePointer<Float>, columns: Int, isInverse: Bool = false) {
    unsafe transform(x, columns, round: isInverse ? 1 : 0)
    let groupCount = Self.group * columns
    for pair in stride(from: 0, to: pairs.count - 1, by: 2) {
      let (first, second) = unsafe (x + Int(pairs[pair]) * groupCount, x + Int(pairs[pair + 1]) * groupCount)
      for index in 0..<groupCount { unsafe (first[index], second[index]) = (second[index], first[index]) }
    }
    unsafe transform(x, columns, round: isInverse ? 0 : 1)
  }

  @unsafe
  private func transform(_ x: UnsafeMutablePointer<Float>, _ columns: Int, round: Int) {
    let scale = 1 / Float(block)
    for first in stride(from: 0, to: width, by: block) {
      let part = unsafe x + first * columns
      unsafe walsh(part, columns)
      for channel in 0..<block {
        let factor = signs[round * width + first + channel] < 0 ? -scale : scale
        for column in 0..<columns { unsafe part[channel * columns + column] *= factor }
      }
      unsafe walsh(part, columns)
    }
  }

  /// The Walsh-Hadamard transform of the columns of a block.
  @unsafe
  private func walsh(_ x: UnsafeMutablePointer<Float>, _ columns: Int) {
    var distance = 1
    while distance < block {
      for first in stride(from: 0, to: block, by: 2 * distance) {
        for index in first * columns..<(first + distance) * columns {
          let (a, b) = unsafe (x[index], x[index + distance * columns])
          unsafe x[index] = a + b
          unsafe x[index + distance * columns] = a - b
        }
      }
      distance *= 2
    }
  }
}

extension HadamardRotation {
  /// `width x width`, row-major: the rotated row of `x` is its product with `x`.
  package func matrix() -> [Float] {
    var matrix = (0..<width * width).map { Float($0 / width == $0 % width ? 1 : 0) }
    unsafe matrix.withUnsafeMutableBufferPointer { matrix in
      if let base = matrix.baseAddress { unsafe apply(base, columns: width) }
    }
    return matrix
  }
}

extension FloatBlock {
  /// The same function of a rotated residual stream.
  /// - Precondition: no LayerScale, and norms without gain and bias, because only those commute with the rotation. The
  ///   weights must have them already.
  mutating func rotate(_ rotation: HadamardRotation) {
    layers.attnQKV.rotateInputs(rotation)
    layers.ffnUp.rotateInputs(rotation)
    layers.attnOut.rotateOutputs(rotation)
    layers.ffnDown.rotateOutputs(rotation)
  }
}

extension FloatLinear {
  fileprivate mutating func rotateInputs(_ rotation: HadamardRotation) {
    let outputs = outputs
    precondition(inputs == rotation.width, "a rotation of the inputs")
    unsafe weight.withUnsafeMutableBufferPointer { weight in
      if let base = weight.baseAddress { unsafe rotation.apply(toRows: base, count: outputs) }
    }
  }

  fileprivate mutating func rotateOutputs(_ rotation: HadamardRotation) {
    let columns = inputs
    precondition(outputs == rotation.width, "a rotation of the outputs")
    unsafe weight.withUnsafeMutableBufferPointer { weight in
      if let base = weight.baseAddress { unsafe rotation.apply(base, columns: columns) }
    }
    unsafe bias.withUnsafeMutableBufferPointer { bias in
      if let base = bias.baseAddress { unsafe rotation.apply(base, columns: 1) }
    }
  }
}
