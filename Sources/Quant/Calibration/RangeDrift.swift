import Int8Kernels
import ViTLite

/// Scores the static range of a layer's input by how much its outputs drift on sampled rows.
struct RangeDrift {
  private let rows: FloatBuffer
  private let count: Int
  private let layer: FloatLinear
  private let packed: PackedFloatLinear
  private let exact: FloatBuffer
  /// Ranges of outputs whose relative errors are added up, and the sum of the squares of each.
  private let groups: [(outputs: Range<Int>, signal: Double)]

  /// - Parameter rows: `count x inputs`.
  init(rows: [Float], layer: FloatLinear, groups: [Range<Int>]) {
    self.rows = FloatBuffer(rows)
    self.layer = layer
    let packed = PackedFloatLinear(layer)
    let count = rows.count / max(layer.inputs, 1)
    let exact = FloatBuffer(count: count * layer.outputs)
    packed.apply(self.rows, rows: count, into: exact, with: .fastest)
    self.groups = groups.map { outputs in
      var signal = 0.0
      for row in 0..<count {
        for index in row * layer.outputs + outputs.lowerBound..<row * layer.outputs + outputs.upperBound {
          let value = unsafe Double(exact.base[index])
          signal += value * value
        }
      }
      return (outputs, signal)
    }
    (self.packed, self.count, self.exact) = (packed, count, exact)
  }

  /// The fourth-power mean of the tokens' errors, which the worst tokens decide, with the inputs clipped and rounded to a
  /// static range and the weights as they are; relative to the output, summed over the groups.
  func worstError(range: ValueRange) -> Double {
    let inputs = FloatBuffer(copying: rows)
    unsafe ActivationRounding.fixed(range).round(inputs.base, rows: count, columns: layer.inputs)
    var total = 0.0
    for (group, errors) in zip(groups, errors(on: inputs)) where group.signal > 0 {
      let squares = errors.reduce(0) { $0 + $1 * $1 }
      total += (squares * Double(count)).squareRoot() / group.signal
    }
    return total
  }

  /// Of each group, the squared error of each row. One panel of outputs after another, so that what is compared stays in
  /// the processor's caches.
  private func errors(on inputs: FloatBuffer) -> [[Double]] {
    let width = SGEMM.panelColumns
    let result = FloatBuffer(count: count * width)
    var errors = groups.map { _ in [Double](repeating: 0, count: count) }
    for first in stride(from: 0, to: layer.outputs, by: width) {
      let outputs = first..<min(first + width, layer.outputs)
      packed.applyPanel(from: first, to: inputs, rows: count, into: result, with: .fastest)
      for (index, group) in groups.enumerated() {
        let range = group.outputs.clamped(to: outputs)
        unsafe errors[index].withUnsafeMutableBufferPointer { sums in
          guard let sums = sums.baseAddress else { return }
          unsafe FloatRows.fastest.squared_errors(
            exact.base + range.lowerBound, layer.outputs, result.base + range.lowerBound - first, width, count,
            range.count, sums)
        }
      }
    }
    return errors
  }
}
