import Int8Kernels
import ViTLite

/// Measures each layer of an int8 model by itself: every layer gets the float model's values to work on, whatever the
/// layers before it gave, and the float model computes the rest from what it made of them.
///
/// The int8 pass is one for all layers; the float model's rest of the pass is one for each layer.
final class AloneProbe: LayerProbe {
  /// Nil to measure the layers' own outputs only.
  private let reference: FloatReference?
  private let workspace: FloatWorkspace
  private(set) var layers: [AloneMeasurement]
  /// For each block, the shifts of keys and values that this image shows.
  private(set) var shifts: [[Double]]
  /// The basis with this image's shifts.
  private var local: ModelBasis

  init(
    _ model: IntegerModel, _ basis: ModelBasis, _ trace: FloatTrace, _ reference: FloatReference?,
    workspace: FloatWorkspace
  ) {
    self.reference = reference
    self.workspace = workspace
    local = basis
    shifts = Array(repeating: [], count: model.configuration.depth)
    layers = Array(
      repeating: AloneMeasurement(), count: DriftPoint.InBlock.count * model.configuration.depth + 3)
    super.init(model, basis, trace)
  }

  override func probe(_ phase: Phase, block: Int, _ buffers: PassBuffers) {
    switch phase {
    case .patchEmbedding:
      let got = floats(buffers.residual)
      measure(0, exact: trace.residual(0), got: got, at: .residual(0), with: got)
      write(trace.residual(0), to: buffers.residual)
    case .ln1:
      observe(.qkv, block, normalized(buffers.residual, basis.blocks[block].ln1), columns: configuration.width)
    case .attnQKV: measureProjection(block, buffers)
    case .attnCombine: measureAttention(block, buffers)
    case .attnOut:
      measureAdded(
        .projection, block, buffers, exact: trace.blocks[block].middle, before: trace.blocks[block].residual,
        at: .middle(block))
    case .ln2: observe(.up, block, normalized(buffers.residual, basis.blocks[block].ln2), columns: configuration.width)
    case .ffnUp:
      let exact = trace.blocks[block].hidden
      let scale = basis.blocks[block].hiddenScale
      let got = floats(buffers.hidden, scale: scale)
      measure(
        DriftPoint.index(.up, block: block), exact: exact, got: got, at: .hidden(block), with: got,
        residual: trace.blocks[block].middle)
      for row in 0..<buffers.hidden.rows {
        for column in 0..<buffers.hidden.columns {
          let value = (exact[row * buffers.hidden.columns + column] * scale).rounded()
          buffers.hidden[row, column] = Int16(min(max(value, -32768), 32767))
        }
      }
    case .ffnActivation:
      observe(.down, block, buffers.hidden.array().map { Float($0) }, columns: configuration.mlpWidth)
    case .ffnDown:
      measureAdded(
        .down, block, buffers, exact: trace.residual(block + 1), before: trace.blocks[block].middle,
        at: .residual(block + 1))
    case .output: observeHeadInput(buffers)
    default: break
    }
  }

  override func finished(_ output: IntegerOutput) {
    super.finished(output)
    let index = DriftPoint.output(depth: configuration.depth)
    layers[index].own = measurements[index].comparison
    layers[index].output = measurements[index].comparison
  }

  private func measureProjection(_ block: Int, _ buffers: PassBuffers) {
    shifts[block] = local.blocks[block].shift(of: buffers.qkv, from: trace.blocks[block].qkv)
    local.setShift(block, shifts[block].map { Float($0) })
    let got = local.blocks[block].floats(qkv: buffers.qkv)
    measure(
      DriftPoint.index(.qkv, block: block), exact: trace.blocks[block].qkv, got: got, at: .qkv(block), with: got,
      residual: trace.blocks[block].residual)
    local.blocks[block].write(qkv: trace.blocks[block].qkv, to: buffers.qkv)
  }

  private func measureAttention(_ block: Int, _ buffers: PassBuffers) {
    let got = local.blocks[block].floats(attention: buffers.attention)
    measure(
      DriftPoint.index(.attention, block: block), exact: trace.blocks[block].attention, got: got,
      at: .attention(block), with: got, residual: trace.blocks[block].residual)
    local.blocks[block].write(attention: trace.blocks[block].attention, to: buffers.attention)
    observe(.projection, block, buffers.attention.array().map { Float($0) }, columns: configuration.width)
  }

  /// A layer that adds to the residual stream.
  private func measureAdded(
    _ point: DriftPoint.InBlock, _ block: Int, _ buffers: PassBuffers, exact: [Float], before: [Float],
    at resumePoint: ResumePoint
  ) {
    let after = floats(buffers.residual)
    measure(
      DriftPoint.index(point, block: block), exact: zip(exact, before).map { $0 - $1 },
      got: zip(after, before).map { $0 - $1 }, at: resumePoint, with: after)
    write(exact, to: buffers.residual)
  }

  private func measure(
    _ index: Int, exact: [Float], got: [Float], at point: ResumePoint, with values: [Float], residual: [Float] = []
  ) {
    layers[index].own.add(reference: exact.span, got: got.span)
    layers[index].offsetShare = Self.offsetShare(exact, got, rows: configuration.tokens)
    guard let reference else { return }
    let result = reference.resume(at: point, with: values, residual: residual, workspace: workspace)
    let (expected, found) = (trace.output.comparedOutput, result.comparedOutput)
    layers[index].output = Comparison(reference: expected, got: found)
  }

  /// Share of the error's energy that all rows have in common, beyond what chance gives.
  private static func offsetShare(_ exact: [Float], _ got: [Float], rows: Int) -> Double {
    guard rows > 1 else { return 0 }
    let columns = exact.count / rows
    var sums = [Double](repeating: 0, count: columns)
    var energy = 0.0
    for row in 0..<rows {
      for column in 0..<columns {
        let error = Double(got[row * columns + column] - exact[row * columns + column])
        sums[column] += error
        energy += error * error
      }
    }
    guard energy > 0 else { return 0 }
    let common = sums.reduce(0) { $0 + $1 * $1 } / Double(rows)
    let share = common / energy
    let chance = 1 / Double(rows)
    return max(0, (share - chance) / (1 - chance))
  }

  private func observe(_ point: DriftPoint.InBlock, _ block: Int, _ rows: [Float], columns: Int) {
    var statistics = InputStatistics(channels: columns)
    statistics.observe(rows, columns: columns)
    layers[DriftPoint.index(point, block: block)].input = statistics
  }

  private func observeHeadInput(_ buffers: PassBuffers) {
    let columns = buffers.headInput.columns
    var statistics = InputStatistics(channels: columns)
    statistics.observe(buffers.headInput.array().map { Float($0) }, columns: columns)
    layers[DriftPoint.output(depth: configuration.depth)].input = statistics
  }

  private func write(_ exact: [Float], to residual: Matrix<Int32>) {
    let limit = Float(FixedPoint.residualLimit)
    for row in 0..<residual.rows {
      for column in 0..<residual.columns {
        let value = (exact[row * residual.columns + column] * basis.residualScale).rounded()
        residual[row, column] = Int32(min(max(value, -limit), limit.nextDown))
      }
    }
  }
}

extension FloatOutput {
  /// What a model is there for: the logits, or without a head the final tokens.
  var comparedOutput: [Float] { logits ?? lastHiddenState }
}
