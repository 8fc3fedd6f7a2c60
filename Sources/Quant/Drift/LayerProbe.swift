import Int8Kernels
import ViTLite

/// Compares every point of an int8 pass with the float model's values for the same image.
class LayerProbe: PassProbe {
  let model: IntegerModel
  let points: DriftPoints
  let basis: ModelBasis
  let trace: FloatTrace
  /// One for each point.
  private(set) var measurements: [LayerMeasurement]
  /// The residual stream as the phase before left it, in float units.
  private var residual: [Float] = []
  /// What the head or the pooler reads, in float units.
  private(set) var headInput: [Float] = []

  private static let int16Range: ClosedRange<Float> = -32768...32767

  init(_ model: IntegerModel, _ points: DriftPoints, _ basis: ModelBasis, _ trace: FloatTrace) {
    self.model = model
    self.points = points
    self.basis = basis
    self.trace = trace
    measurements = Array(repeating: LayerMeasurement(), count: points.all.count)
  }

  var configuration: ModelConfiguration { model.configuration }

  func probe(_ phase: Phase, block: Int, _ buffers: PassBuffers) {
    switch phase {
    case .patchEmbedding: embedded(buffers)
    case .preNorm: normed(buffers)
    case .ln1: countNormed(.qkv, block, buffers.residual, basis.blocks[block].ln1, .attnQKV)
    case .attnQKV:
      compare(.block(block, .qkv), trace.blocks[block].qkv, basis.blocks[block].floats(qkv: buffers.qkv))
      countEnds(.block(block, .qkv), buffers.qkv) { $0 == 32767 || $0 == -32768 }
    case .attnCombine: attended(block, buffers)
    case .attnQuantize: countInput(.projection, block, buffers.attention, .attnOut)
    case .attnOut:
      let before = block < configuration.depth ? residual : trace.blocks[block].residual
      residual = floats(buffers.residual)
      compareAdded(.projection, block, residual, before, trace.blocks[block].middle, trace.blocks[block].residual)
    case .ln2: countNormed(.up, block, buffers.residual, basis.blocks[block].ln2, .ffnUp)
    case .ffnUp: expanded(block, buffers)
    case .ffnActivation:
      countInput(.down, block, buffers.hidden.columns(0..<configuration.mlpWidth), .ffnDown)
    case .ffnDown:
      let before = residual
      residual = floats(buffers.residual)
      compareAdded(.down, block, residual, before, trace.leaving(block), trace.blocks[block].middle)
      compare(.block(block, .stream), trace.leaving(block), residual)
      countStream(.block(block, .stream), buffers.residual)
    case .output:
      headInput = floats(
        buffers.headInput, scale: Float(sign: .plus, exponent: -model.headInputExponent, significand: 1))
    default: break
    }
  }

  // MARK: Points

  private func embedded(_ buffers: PassBuffers) {
    residual = floats(buffers.residual)
    compare(.embedding, trace.embeddings, residual)
    countStream(.embedding, buffers.residual)
  }

  private func normed(_ buffers: PassBuffers) {
    residual = floats(buffers.residual)
    guard configuration.normBeforeBlocks else { return }
    compare(.preNorm, trace.residual(0), residual)
    countStream(.preNorm, buffers.residual)
  }

  private func attended(_ block: Int, _ buffers: PassBuffers) {
    let (width, basis, exact) = (configuration.width, basis.blocks[block], trace.blocks[block])
    for (point, norm, first) in [
      (DriftPoints.InBlock.queryNorm, basis.queryNorm, 0), (.keyNorm, basis.keyNorm, width),
    ] {
      guard let norm else { continue }
      compare(
        .block(block, point), exact.transformed.columns(first..<first + width, of: 3 * width),
        basis.floats(norm, from: first, of: buffers.qkv))
      countEnds(.block(block, point), buffers.qkv.columns(first..<first + width)) { $0 == 32767 || $0 == -32768 }
    }
    compare(.block(block, .attention), exact.attention, basis.floats(attention: buffers.attention))
    countEnds(.block(block, .attention), buffers.attention) { $0 == 32767 || $0 == -32768 }
    countAttentionInput(block, buffers.qkv)
  }

  private func expanded(_ block: Int, _ buffers: PassBuffers) {
    compare(.block(block, .up), trace.blocks[block].hidden, basis.blocks[block].floats(hidden: buffers.hidden))
    // Of large negative values the activation makes 0 whether they saturate or not.
    let (width, columns) = (configuration.mlpWidth, buffers.hidden.columns)
    countEnds(.block(block, .up), buffers.hidden.columns(0..<width)) { $0 == 32767 }
    countEnds(.block(block, .up), buffers.hidden.columns(width..<columns)) { $0 == 32767 || $0 == -32768 }
  }

  /// What a layer added to the residual stream.
  private func compareAdded(
    _ point: DriftPoints.InBlock, _ block: Int, _ after: [Float], _ before: [Float], _ exactAfter: [Float],
    _ exactBefore: [Float]
  ) {
    let got = zip(after, before).map { $0 - $1 }
    let exact = zip(exactAfter, exactBefore).map { $0 - $1 }
    compare(.block(block, point), exact, got)
  }

  /// After the pass: final tokens and the output.
  func finished(_ output: IntegerOutput) {
    if let got = output.lastHiddenState { compare(.finalNorm, trace.output.lastHiddenState, got) }
    switch model.outputLayerName {
    case .output: compare(.output, trace.output.logits, output.dequantizedLogits)
    case .projection: compare(.output, trace.output.imageEmbedding, output.imageEmbedding)
    default: compare(.output, trace.output.poolerOutput, output.poolerOutput)
    }
  }

  // MARK: Parts

  func compare(_ place: DriftPoints.Place, _ exact: [Float]?, _ got: [Float]?) {
    guard let index = points[place], let exact, let got, exact.count == got.count else { return }
    measurements[index].comparison.add(reference: exact.span, got: got.span)
  }

  func floats(_ values: Matrix<Int32>) -> [Float] {
    let unit = 1 / basis.residualScale
    return values.array().map { Float($0) * unit }
  }

  func floats(_ values: Matrix<Int16>, scale: Float) -> [Float] {
    let unit = 1 / scale
    return values.array().map { Float($0) * unit }
  }

  /// Counts outputs at the ends of their integers.
  private func countEnds(_ place: DriftPoints.Place, _ values: Matrix<Int16>, where isCounted: (Int16) -> Bool) {
    guard let index = points[place] else { return }
    for row in 0..<values.rows {
      for column in 0..<values.columns where isCounted(values[row, column]) { measurements[index].saturated += 1 }
    }
  }

  private func countStream(_ place: DriftPoints.Place, _ values: Matrix<Int32>) {
    guard let index = points[place] else { return }
    for row in 0..<values.rows {
      for column in 0..<values.columns where values[row, column].magnitude >= UInt32(FixedPoint.residualLimit) {
        measurements[index].saturated += 1
      }
    }
  }

  private func count(_ place: DriftPoints.Place, _ values: [Float], in range: ClosedRange<Float>) {
    guard let index = points[place] else { return }
    for value in values { measurements[index].count(value, in: range) }
  }

  /// What is quantized for a layer that reads a norm's output.
  private func countNormed(
    _ point: DriftPoints.InBlock, _ block: Int, _ residual: Matrix<Int32>, _ norm: NormNumbers, _ layer: BlockLayer
  ) {
    let range = model.inputRange(of: .block(block, layer)) ?? Self.int16Range
    count(.block(block, point), normalized(residual, norm), in: range)
  }

  /// Inputs that are int16 values in a buffer; nothing to count where each row has its own range.
  private func countInput(
    _ point: DriftPoints.InBlock, _ block: Int, _ values: Matrix<Int16>, _ layer: BlockLayer
  ) {
    guard let range = model.inputRange(of: .block(block, layer)) else { return }
    count(.block(block, point), values.array().map { Float($0) }, in: range)
  }

  /// - Parameter qkv: after the norms and the rotation of queries and keys.
  private func countAttentionInput(_ block: Int, _ qkv: Matrix<Int16>) {
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    for head in 0..<configuration.heads {
      let ranges = [
        (0, model.queryRange(block: block, head: head)), (width, model.keyRange(block: block, head: head)),
        (2 * width, model.valueRange(block: block)),
      ]
      for (first, range) in ranges {
        guard let range else { continue }
        let columns = first + head * headWidth..<first + (head + 1) * headWidth
        count(.block(block, .attention), qkv.columns(columns).array().map { Float($0) }, in: range)
      }
    }
  }

  /// A norm's output before it is narrowed to int16.
  func normalized(_ residual: Matrix<Int32>, _ norm: NormNumbers) -> [Float] {
    let unit = 1 / basis.residualScale
    let width = residual.columns
    let epsilon = Float(configuration.layerNormEpsilon)
    var result: [Float] = []
    result.reserveCapacity(residual.rows * width)
    for row in 0..<residual.rows {
      var (sum, squares) = (Float(0), Float(0))
      for column in 0..<width { sum += Float(residual[row, column]) * unit }
      let mean = configuration.norm == .layerNorm ? sum / Float(width) : 0
      for column in 0..<width {
        let centered = Float(residual[row, column]) * unit - mean
        squares += centered * centered
      }
      let factor = 1 / (squares / Float(width) + epsilon).squareRoot()
      for column in 0..<width {
        result.append((Float(residual[row, column]) * unit - mean) * factor * norm.gain[column] + norm.bias[column])
      }
    }
    return result
  }
}

extension [Float] {
  /// Some columns of rows.
  /// - Parameter width: of a row.
  func columns(_ columns: Range<Int>, of width: Int) -> [Float] {
    stride(from: 0, to: count, by: width).flatMap { self[$0 + columns.lowerBound..<$0 + columns.upperBound] }
  }

  /// The same rows with other numbers in some columns.
  func replacing(_ columns: Range<Int>, of width: Int, by other: [Float]) -> [Float] {
    var result = self
    for (row, start) in stride(from: 0, to: count, by: width).enumerated() {
      result.replaceSubrange(
        start + columns.lowerBound..<start + columns.upperBound,
        with: other[row * columns.count..<(row + 1) * columns.count])
    }
    return result
  }
}
