import Int8Kernels
import ViTLite

/// Compares every point of an int8 pass with the float model's values for the same image.
class LayerProbe: PassProbe {
  let model: IntegerModel
  let basis: ModelBasis
  let trace: FloatTrace
  var measurements: [LayerMeasurement]
  /// The residual stream as the phase before left it, in float units.
  var residual: [Float] = []
  /// What the head or the pooler reads, in float units.
  private(set) var headInput: [Float] = []

  private static let int16Range: ClosedRange<Float> = -32768...32767
  private static let valueRange: ClosedRange<Float> = -127...127

  init(_ model: IntegerModel, _ basis: ModelBasis, _ trace: FloatTrace) {
    self.model = model
    self.basis = basis
    self.trace = trace
    measurements = Array(
      repeating: LayerMeasurement(), count: DriftPoint.InBlock.count * model.configuration.depth + 3)
  }

  var configuration: ModelConfiguration { model.configuration }

  func probe(_ phase: Phase, block: Int, _ buffers: PassBuffers) {
    switch phase {
    case .patchEmbedding: embedded(buffers)
    case .attnQKV: projected(block, buffers)
    case .attnCombine: attended(block, buffers)
    case .attnOut:
      let before = residual
      residual = floats(buffers.residual)
      added(.projection, block, residual, before, trace.blocks[block].middle, trace.blocks[block].residual)
      normInput(.up, block, buffers.residual, basis.blocks[block].ln2, .ffnUp)
    case .ffnUp: expanded(block, buffers)
    case .ffnActivation: activated(block, buffers)
    case .ffnDown:
      let before = residual
      residual = floats(buffers.residual)
      added(.down, block, residual, before, trace.residual(block + 1), trace.blocks[block].middle)
      left(block, buffers)
    case .output:
      headInput = floats(
        buffers.headInput, scale: Float(sign: .plus, exponent: -model.headInputExponent, significand: 1))
    default: break
    }
  }

  // MARK: Points

  func embedded(_ buffers: PassBuffers) {
    residual = floats(buffers.residual)
    compare(0, trace.residual(0), residual)
    countStream(0, buffers.residual)
    normInput(.qkv, 0, buffers.residual, basis.blocks.first?.ln1, .attnQKV)
  }

  /// Queries, keys and values.
  @discardableResult
  func projected(_ block: Int, _ buffers: PassBuffers) -> [Float] {
    let got = basis.blocks[block].floats(qkv: buffers.qkv)
    let index = DriftPoint.index(.qkv, block: block)
    compare(index, trace.blocks[block].qkv, got)
    measurements[index].saturated += count(buffers.qkv) { $0 == 32767 || $0 == -32768 }
    countAttentionInput(block, buffers.qkv)
    return got
  }

  @discardableResult
  func attended(_ block: Int, _ buffers: PassBuffers) -> [Float] {
    let got = basis.blocks[block].floats(attention: buffers.attention)
    let index = DriftPoint.index(.attention, block: block)
    compare(index, trace.blocks[block].attention, got)
    measurements[index].saturated += count(buffers.attention) { $0 == 32767 || $0 == -32768 }
    countInput(.projection, block, buffers.attention, .attnOut)
    return got
  }

  /// What a layer added to the residual stream.
  func added(
    _ point: DriftPoint.InBlock, _ block: Int, _ after: [Float], _ before: [Float], _ exactAfter: [Float],
    _ exactBefore: [Float]
  ) {
    let got = zip(after, before).map { $0 - $1 }
    let exact = zip(exactAfter, exactBefore).map { $0 - $1 }
    compare(DriftPoint.index(point, block: block), exact, got)
  }

  @discardableResult
  func expanded(_ block: Int, _ buffers: PassBuffers) -> [Float] {
    let got = floats(buffers.hidden, scale: basis.blocks[block].hiddenScale)
    let index = DriftPoint.index(.up, block: block)
    compare(index, trace.blocks[block].hidden, got)
    // Of large negative values GELU makes 0 whether they saturate or not.
    measurements[index].saturated += count(buffers.hidden) { $0 == 32767 }
    return got
  }

  func activated(_ block: Int, _ buffers: PassBuffers) { countInput(.down, block, buffers.hidden, .ffnDown) }

  func left(_ block: Int, _ buffers: PassBuffers) {
    let index = DriftPoint.index(.stream, block: block)
    compare(index, trace.residual(block + 1), residual)
    countStream(index, buffers.residual)
    if block + 1 < configuration.depth {
      normInput(.qkv, block + 1, buffers.residual, basis.blocks[block + 1].ln1, .attnQKV)
    }
  }

  /// After the pass: final tokens and the output.
  func finished(_ output: IntegerOutput) {
    let depth = configuration.depth
    if let got = output.lastHiddenState {
      compare(DriftPoint.norm(depth: depth), trace.output.lastHiddenState, got)
    }
    let index = DriftPoint.output(depth: depth)
    if let exact = trace.output.logits, let got = output.dequantizedLogits {
      compare(index, exact, got)
    } else if model.layerNames.contains(.pooler), let got = output.poolerOutput {
      compare(index, trace.output.poolerOutput, got)
    }
  }

  /// What is quantized for a layer that reads a norm's output.
  func normInput(
    _ point: DriftPoint.InBlock, _ block: Int, _ residual: Matrix<Int32>, _ norm: NormNumbers?, _ layer: BlockLayer
  ) {
    guard let norm else { return }
    let range = model.inputRange(of: .block(block, layer)) ?? Self.int16Range
    count(normalized(residual, norm), in: range, DriftPoint.index(point, block: block))
  }

  // MARK: Parts

  func compare(_ index: Int, _ exact: [Float], _ got: [Float]) {
    guard exact.count == got.count else { return }
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

  private func count(_ values: Matrix<Int16>, where isCounted: (Int16) -> Bool) -> Int {
    var total = 0
    for row in 0..<values.rows {
      for column in 0..<values.columns where isCounted(values[row, column]) { total += 1 }
    }
    return total
  }

  private func countStream(_ index: Int, _ values: Matrix<Int32>) {
    var saturated = 0
    for row in 0..<values.rows {
      for column in 0..<values.columns where values[row, column].magnitude >= UInt32(FixedPoint.residualLimit) {
        saturated += 1
      }
    }
    measurements[index].saturated += saturated
  }

  private func count(_ values: [Float], in range: ClosedRange<Float>, _ index: Int) {
    var counts = LayerMeasurement()
    for value in values { counts.count(value, in: range) }
    measurements[index].merge(counts)
  }

  /// Inputs that are int16 values in a buffer; nothing to count where each row has its own range.
  private func countInput(
    _ point: DriftPoint.InBlock, _ block: Int, _ values: Matrix<Int16>, _ layer: BlockLayer
  ) {
    guard let range = model.inputRange(of: .block(block, layer)) else { return }
    count(values.array().map { Float($0) }, in: range, DriftPoint.index(point, block: block))
  }

  private func countAttentionInput(_ block: Int, _ qkv: Matrix<Int16>) {
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    var counts = LayerMeasurement()
    for head in 0..<configuration.heads {
      let ranges = [
        (0, model.queryRange(block: block, head: head)), (width, model.keyRange(block: block, head: head)),
        (2 * width, Self.valueRange),
      ]
      for (first, range) in ranges {
        guard let range else { continue }
        for row in 0..<qkv.rows {
          for column in first + head * headWidth..<first + (head + 1) * headWidth {
            counts.count(Float(qkv[row, column]), in: range)
          }
        }
      }
    }
    measurements[DriftPoint.index(.attention, block: block)].merge(counts)
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
      let mean = sum / Float(width)
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
