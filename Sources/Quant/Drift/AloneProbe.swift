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
    _ model: IntegerModel, _ points: DriftPoints, _ basis: ModelBasis, _ trace: FloatTrace,
    _ reference: FloatReference?, workspace: FloatWorkspace
  ) {
    self.reference = reference
    self.workspace = workspace
    local = basis
    shifts = Array(repeating: [], count: model.configuration.blockCount)
    layers = Array(repeating: AloneMeasurement(), count: points.all.count)
    super.init(model, points, basis, trace)
  }

  override func probe(_ phase: Phase, block: Int, _ buffers: PassBuffers) {
    switch phase {
    case .patchEmbedding:
      measureStream(.embedding, exact: trace.embeddings, buffers, at: .embeddings)
    case .preNorm: measureStream(.preNorm, exact: trace.residual(0), buffers, at: .residual(0))
    case .ln1: observe(.qkv, block, normalized(buffers.residual, basis.blocks[block].ln1), columns: configuration.width)
    case .attnQKV: measureProjection(block, buffers)
    case .attnCombine: measureAttention(block, buffers)
    case .attnQuantize:
      observe(.projection, block, buffers.attention.array().map { Float($0) }, columns: configuration.width)
    case .attnOut:
      measureAdded(
        .projection, block, buffers, exact: trace.blocks[block].middle, before: trace.blocks[block].residual,
        at: .middle(block))
    case .ln2: observe(.up, block, normalized(buffers.residual, basis.blocks[block].ln2), columns: configuration.width)
    case .ffnUp:
      let exact = trace.blocks[block].hidden
      let got = basis.blocks[block].floats(hidden: buffers.hidden)
      measure(
        .block(block, .up), exact: exact, got: got, rows: buffers.hidden.rows, at: .hidden(block), with: got,
        residual: trace.blocks[block].middle)
      basis.blocks[block].write(hidden: exact, to: buffers.hidden)
    case .ffnActivation:
      let input = buffers.hidden.columns(0..<configuration.mlpWidth)
      observe(.down, block, input.array().map { Float($0) }, columns: input.columns)
    case .ffnDown:
      measureAdded(
        .down, block, buffers, exact: trace.leaving(block), before: trace.blocks[block].middle,
        at: .leaving(block, configuration))
    case .output: observeHeadInput(buffers)
    default: break
    }
  }

  override func finished(_ output: IntegerOutput) {
    super.finished(output)
    guard let index = points[.output] else { return }
    layers[index].own = measurements[index].comparison
    layers[index].output = measurements[index].comparison
  }

  /// What stands in the residual stream before the blocks.
  private func measureStream(
    _ place: DriftPoints.Place, exact: [Float], _ buffers: PassBuffers, at resumePoint: ResumePoint
  ) {
    guard points[place] != nil else { return }
    let got = floats(buffers.residual)
    measure(place, exact: exact, got: got, rows: buffers.residual.rows, at: resumePoint, with: got)
    write(exact, to: buffers.residual)
  }

  private func measureProjection(_ block: Int, _ buffers: PassBuffers) {
    shifts[block] = local.blocks[block].shift(of: buffers.qkv, from: trace.blocks[block].qkv)
    local.setShift(block, shifts[block].map { Float($0) })
    let got = local.blocks[block].floats(qkv: buffers.qkv)
    measure(
      .block(block, .qkv), exact: trace.blocks[block].qkv, got: got, rows: buffers.qkv.rows, at: .qkv(block), with: got,
      residual: trace.blocks[block].residual)
    local.blocks[block].write(qkv: trace.blocks[block].qkv, to: buffers.qkv)
  }

  private func measureAttention(_ block: Int, _ buffers: PassBuffers) {
    let basis = local.blocks[block]
    if let norm = basis.queryNorm { measureHeadNorm(.queryNorm, norm, from: 0, block, buffers) }
    if let norm = basis.keyNorm { measureHeadNorm(.keyNorm, norm, from: configuration.width, block, buffers) }
    let got = basis.floats(attention: buffers.attention)
    measure(
      .block(block, .attention), exact: trace.blocks[block].attention, got: got, rows: buffers.attention.rows,
      at: .attention(block), with: got, residual: trace.blocks[block].residual)
    basis.write(attention: trace.blocks[block].attention, to: buffers.attention)
  }

  /// Queries or keys after their norm and rotation. Attention has used them already, so they are not overwritten.
  private func measureHeadNorm(
    _ point: DriftPoints.InBlock, _ norm: ModelBasis.HeadNorm, from first: Int, _ block: Int, _ buffers: PassBuffers
  ) {
    let (width, exact) = (configuration.width, trace.blocks[block])
    let columns = first..<first + width
    let got = local.blocks[block].floats(norm, from: first, of: buffers.qkv)
    measure(
      .block(block, point), exact: exact.transformed.columns(columns, of: 3 * width), got: got, rows: buffers.qkv.rows,
      at: .transformed(block), with: exact.transformed.replacing(columns, of: 3 * width, by: got),
      residual: exact.residual)
  }

  /// A layer that adds to the residual stream.
  private func measureAdded(
    _ point: DriftPoints.InBlock, _ block: Int, _ buffers: PassBuffers, exact: [Float], before: [Float],
    at resumePoint: ResumePoint
  ) {
    let after = floats(buffers.residual)
    measure(
      .block(block, point), exact: zip(exact, before).map { $0 - $1 }, got: zip(after, before).map { $0 - $1 },
      rows: buffers.residual.rows, at: resumePoint, with: after)
    write(exact, to: buffers.residual)
  }

  private func measure(
    _ place: DriftPoints.Place, exact: [Float], got: [Float], rows: Int, at point: ResumePoint, with values: [Float],
    residual: [Float] = []
  ) {
    guard let index = points[place] else { return }
    layers[index].own.add(reference: exact.span, got: got.span)
    layers[index].offsetShare = Self.offsetShare(exact, got, rows: rows)
    guard let reference else { return }
    let result = reference.resume(at: point, with: values, residual: residual, workspace: workspace)
    layers[index].output = Comparison(
      reference: trace.output.comparedOutput(configuration), got: result.comparedOutput(configuration))
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

  private func observe(_ point: DriftPoints.InBlock, _ block: Int, _ rows: [Float], columns: Int) {
    observe(.block(block, point), rows, columns: columns)
  }

  private func observeHeadInput(_ buffers: PassBuffers) {
    observe(.output, buffers.headInput.array().map { Float($0) }, columns: buffers.headInput.columns)
  }

  private func observe(_ place: DriftPoints.Place, _ rows: [Float], columns: Int) {
    guard let index = points[place] else { return }
    var statistics = InputStatistics(channels: columns)
    statistics.observe(rows, columns: columns)
    layers[index].input = statistics
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
  /// What a model is there for: the logits or the projection; without either the final tokens, and where attention pools
  /// them, its result.
  fileprivate func comparedOutput(_ configuration: ModelConfiguration) -> [Float] {
    logits ?? imageEmbedding ?? (configuration.readout.pooling == .attention ? poolerOutput : lastHiddenState)
  }
}
