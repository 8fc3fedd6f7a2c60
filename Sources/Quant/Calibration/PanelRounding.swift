import Int8Kernels
import ViTLite

/// Rounds the weights of a few outputs, in panels of 32 that lie side by side for each input: the same steps for all
/// outputs of a panel at once, each on its own numbers.
struct PanelRounding {
  private static let width = SGEMM.panelColumns
  private static let block = WeightRounding.block

  private let rounding: WeightRounding
  private let outputs: Range<Int>
  private let limit: Float
  private let panelCount: Int
  /// The weights: panels, then inputs in the order of rounding, then outputs.
  private let weights: FloatBuffer
  /// Levels less weights, in steps, in the same order.
  private let changes: FloatBuffer
  private let levels: FloatBuffer
  /// A block of inputs of each panel, in steps: the weights, and what they are to be after what inputs before them were
  /// changed by; and what is subtracted from one panel.
  private let exact: FloatBuffer
  private let current: FloatBuffer
  private let product: FloatBuffer
  /// The best of the candidates so far.
  private(set) var best: RoundedWeights

  init(_ rounding: WeightRounding, _ layer: FloatLinear, outputs: Range<Int>, limit: Int8) {
    self.rounding = rounding
    self.outputs = outputs
    self.limit = Float(limit)
    let inputs = rounding.inputs
    panelCount = (outputs.count + Self.width - 1) / Self.width
    weights = FloatBuffer(count: panelCount * inputs * Self.width)
    changes = FloatBuffer(count: weights.count)
    levels = FloatBuffer(count: weights.count)
    exact = FloatBuffer(count: panelCount * Self.block * Self.width)
    current = FloatBuffer(count: exact.count)
    product = FloatBuffer(count: Self.block * Self.width)
    best = RoundedWeights(
      levels: [Int8](repeating: 0, count: outputs.count * inputs),
      losses: [Float](repeating: .infinity, count: outputs.count), choices: [])
    for offset in 0..<outputs.count {
      let target = unsafe weights.base + offset / Self.width * inputs * Self.width + offset % Self.width
      let row = (outputs.lowerBound + offset) * inputs
      for position in 0..<inputs {
        unsafe target[position * Self.width] = layer.weight[row + rounding.order[position]]
      }
    }
  }

  /// Rounds with these steps, and takes over the outputs whose error is less than with any steps before.
  ///
  /// A panel is left as soon as no output of it can become better: its errors only add up.
  ///
  /// - Parameter candidates: of each output, which candidate its step is.
  mutating func consider(_ candidates: [Int], steps: [Float]) {
    let isFirst = best.choices.isEmpty
    let inputs = rounding.inputs
    var panelSteps = [Float](repeating: 1, count: panelCount * Self.width)
    for offset in 0..<outputs.count { panelSteps[offset] = steps[offset] }
    var losses = [Float](repeating: 0, count: panelSteps.count)
    var active = Array(0..<panelCount)
    for first in stride(from: 0, to: inputs, by: Self.block) {
      let range = first..<min(first + Self.block, inputs)
      takeBlock(range, of: active, panelSteps)
      for panel in active { roundBlock(range, panel, panelSteps, &losses) }
      if !isFirst { active.removeAll { !canImprove($0, losses) } }
      if active.isEmpty { return }
    }
    if isFirst { best.choices = candidates }
    for panel in active { takeOver(panel, candidates, losses, isFirst) }
  }

  private func outputs(of panel: Int) -> Range<Int> {
    panel * Self.width..<min((panel + 1) * Self.width, outputs.count)
  }

  private func canImprove(_ panel: Int, _ losses: [Float]) -> Bool {
    outputs(of: panel).contains { !(losses[$0] >= best.losses[$0]) }
  }

  private mutating func takeOver(_ panel: Int, _ candidates: [Int], _ losses: [Float], _ isFirst: Bool) {
    let inputs = rounding.inputs
    for output in outputs(of: panel) where isFirst || losses[output] < best.losses[output] {
      best.losses[output] = losses[output]
      best.choices[output] = candidates[output]
      let source = unsafe levels.base + panel * inputs * Self.width + output % Self.width
      for position in 0..<inputs {
        let level = unsafe source[position * Self.width]
        best.levels[output * inputs + rounding.order[position]] = level.isFinite ? Int8(level) : 0
      }
    }
  }

  // MARK: A block of inputs

  /// Some inputs of the active panels, less what the changes of all inputs before them ask for, block by block.
  private func takeBlock(_ range: Range<Int>, of active: [Int], _ steps: [Float]) {
    let (inputs, width) = (rounding.inputs, Self.width)
    for panel in active {
      let source = unsafe weights.base + (panel * inputs + range.lowerBound) * width
      let offset = panel * Self.block * width
      unsafe steps.withUnsafeBufferPointer { steps in
        guard let steps = steps.baseAddress else { return }
        unsafe FloatRows.fastest.divide(source, steps + panel * width, range.count, width, exact.base + offset)
      }
      unsafe (current.base + offset).update(from: exact.base + offset, count: range.count * width)
    }
    for previous in stride(from: 0, to: range.lowerBound, by: Self.block) {
      let factors = unsafe rounding.factors.base + range.lowerBound * inputs + previous
      for panel in active {
        unsafe SGEMM.fastest.multiply(
          factors, lda: inputs, changes.base + (panel * inputs + previous) * width, bias: nil, into: product.base,
          ldc: width, m: range.count, n: width, k: Self.block)
        let target = unsafe current.base + panel * Self.block * width
        unsafe FloatRows.fastest.subtract(target, product.base, range.count * width)
      }
    }
  }

  /// Rounds the inputs one after another, each less what the changes before it in the block ask for, and adds to the
  /// losses.
  private func roundBlock(_ range: Range<Int>, _ panel: Int, _ steps: [Float], _ losses: inout [Float]) {
    let (inputs, width) = (rounding.inputs, Self.width)
    let offset = (panel * inputs + range.lowerBound) * width
    let offsetInBlock = panel * Self.block * width
    unsafe steps.withUnsafeBufferPointer { steps in
      unsafe losses.withUnsafeMutableBufferPointer { losses in
        guard let steps = steps.baseAddress, let losses = losses.baseAddress else { return }
        unsafe FloatRows.fastest.round_panel(
          current.base + offsetInBlock, exact.base + offsetInBlock, changes.base + offset, levels.base + offset,
          rounding.factors.base + range.lowerBound * inputs + range.lowerBound, inputs, range.count, limit,
          steps + panel * width, losses + panel * width)
      }
    }
  }
}
