import Int8Kernels
import ViTLite

/// The fp32 forward pass that everything else is measured against. Weights are packed once; the object is immutable,
/// and threads share it.
///
///     let reference = FloatReference(checkpoint.model)
///     let output = try reference.run(sample.values(preprocessing: checkpoint.preprocessing, channels: 3))
@safe public final class FloatReference: Sendable {
  public let configuration: ModelConfiguration
  let scoreScale: Float
  let probabilityScale: Float
  let gemm: SGEMM
  private let patchEmbedding: PackedFloatLinear
  /// The residual stream before the patches' content is added: prefix tokens, then positions.
  private let base: FloatBuffer
  private let blocks: [PackedBlock]
  private let finalNorm: PackedNorm
  private let head: PackedFloatLinear?
  private let pooler: PackedFloatLinear?

  public convenience init(_ model: FloatModel) {
    self.init(model, gemm: .fastest)
  }

  init(_ model: FloatModel, gemm: SGEMM) {
    configuration = model.configuration
    scoreScale = model.scoreScale
    probabilityScale = model.probabilityScale
    self.gemm = gemm
    patchEmbedding = PackedFloatLinear(model.patchEmbedding)
    base = FloatBuffer(count: model.configuration.tokens * model.configuration.width)
    base.copy(from: model.prefixTokens)
    base.copy(from: model.positions, at: model.prefixTokens.count)
    blocks = model.blocks.map { PackedBlock($0) }
    finalNorm = PackedNorm(model.finalNorm)
    head = model.head.map { PackedFloatLinear($0) }
    pooler = model.pooler.map { PackedFloatLinear($0) }
  }

  /// The same model with this block in every place, for calibration, which has one block at a time. All else is shared.
  func having(_ block: PackedBlock) -> FloatReference { FloatReference(self, block: block) }

  private init(_ other: FloatReference, block: PackedBlock) {
    configuration = other.configuration
    scoreScale = other.scoreScale
    probabilityScale = other.probabilityScale
    gemm = other.gemm
    patchEmbedding = other.patchEmbedding
    base = other.base
    blocks = Array(repeating: block, count: other.configuration.depth)
    finalNorm = other.finalNorm
    head = other.head
    pooler = other.pooler
  }

  // MARK: The forward pass

  /// Runs one image.
  ///
  /// - Parameters:
  ///   - values: `channels x height x width` of the configuration, normalised.
  ///   - keepingHiddenStates: whether the output holds the residual stream around every block.
  /// - Throws: `InferenceError.pixelCount` for another number of values.
  public func run(_ values: [Float], keepingHiddenStates: Bool = false) throws(InferenceError) -> FloatOutput {
    try run(values, workspace: FloatWorkspace(configuration), keepsHiddenStates: keepingHiddenStates)
  }

  /// Runs one image in memory that is used again for the next; each thread has its own.
  package func run(
    _ values: [Float], workspace: FloatWorkspace, keepsHiddenStates: Bool = false
  ) throws(InferenceError) -> FloatOutput {
    guard values.count == configuration.imageElements else {
      throw .pixelCount(found: values.count, expected: configuration.imageElements)
    }
    var tap = NoTap()
    return run(values.span, workspace: workspace, keepsHiddenStates: keepsHiddenStates, tap: &tap)
  }

  /// Runs one image, observed.
  /// - Precondition: `pixels` are `channels x height x width` of the configuration, normalised.
  package func run<Tap: ActivationTap>(
    _ pixels: Span<Float>, workspace: FloatWorkspace, keepsHiddenStates: Bool = false, tap: inout Tap
  ) -> FloatOutput {
    let (tokens, width) = (configuration.tokens, configuration.width)
    var hiddenStates: [[Float]] = []
    embed(pixels, workspace, &tap)
    for index in blocks.indices {
      if keepsHiddenStates { hiddenStates.append(workspace.residual.array(tokens * width)) }
      attention(index, workspace, &tap)
      mlp(index, workspace, &tap)
    }
    if keepsHiddenStates { hiddenStates.append(workspace.residual.array(tokens * width)) }
    return readOut(workspace, hiddenStates, &tap)
  }

  /// Pixels to tokens: residual = prefix tokens, then patches W + b + positions.
  func embed<Tap: ActivationTap>(_ pixels: Span<Float>, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    let (patches, width) = (configuration.patches, configuration.width)
    copyPatches(pixels, into: workspace.patches)
    observe(.patches, 0, workspace.patches, patches, configuration.patchInputs, &tap)
    patchEmbedding.apply(workspace.patches, rows: patches, into: workspace.branch, with: gemm)
    let prefix = configuration.prefixTokens * width
    unsafe workspace.residual.base.update(from: base.base, count: configuration.tokens * width)
    unsafe FloatRows.add(
      workspace.branch.base, scale: nil, to: workspace.residual.base + prefix, count: patches * width)
  }

  /// residual += layerScale1 * attnOut(attention(ln1(residual)))
  func attention<Tap: ActivationTap>(_ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    let (tokens, width) = (configuration.tokens, configuration.width)
    observe(.residual, index, workspace.residual, tokens, width, &tap)
    normalize(workspace.residual, blocks[index].ln1, rows: tokens, into: workspace.normed)
    apply(.attnQKV, index, to: workspace.normed, into: workspace.qkv, &tap)
    attend(workspace)
    project(index, workspace, &tap)
  }

  /// residual += layerScale1 * attnOut(heads' results)
  func project<Tap: ActivationTap>(_ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    apply(.attnOut, index, to: workspace.attention, into: workspace.branch, &tap)
    addBranch(workspace, scale: blocks[index].layerScale1)
  }

  /// residual += layerScale2 * ffnDown(gelu(ffnUp(ln2(residual))))
  func mlp<Tap: ActivationTap>(_ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    let (tokens, width) = (configuration.tokens, configuration.width)
    observe(.residualMiddle, index, workspace.residual, tokens, width, &tap)
    normalize(workspace.residual, blocks[index].ln2, rows: tokens, into: workspace.normed)
    apply(.ffnUp, index, to: workspace.normed, into: workspace.hidden, &tap)
    contract(index, workspace, &tap)
  }

  /// residual += layerScale2 * ffnDown(gelu(hidden))
  func contract<Tap: ActivationTap>(_ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    switch configuration.activation {
    case .gelu: unsafe FloatRows.gelu(workspace.hidden.base, count: configuration.tokens * configuration.mlpWidth)
    }
    apply(.ffnDown, index, to: workspace.hidden, into: workspace.branch, &tap)
    addBranch(workspace, scale: blocks[index].layerScale2)
  }

  /// A linear layer of a block on all tokens.
  private func apply<Tap: ActivationTap>(
    _ name: BlockLayer, _ index: Int, to x: FloatBuffer, into y: FloatBuffer, _ tap: inout Tap
  ) {
    let layer = blocks[index].layers[name]
    let tokens = configuration.tokens
    observe(.input(name), index, x, tokens, layer.inputs, &tap)
    layer.apply(x, rows: tokens, into: y, with: gemm)
    observe(.output(name), index, y, tokens, layer.outputs, &tap)
  }

  /// attention (tokens x width) = softmax(queries x keys) x values, for each head and block of query rows.
  func attend(_ workspace: FloatWorkspace) {
    let (tokens, width, headWidth) = (configuration.tokens, configuration.width, configuration.headWidth)
    for head in 0..<configuration.heads {
      let query = unsafe workspace.qkv.base + head * headWidth
      let (keys, values) = unsafe (workspace.packedKeys.base, workspace.packedValues.base)
      unsafe SGEMM.pack(query + width, rowStride: 1, columnStride: 3 * width, k: headWidth, n: tokens, into: keys)
      unsafe SGEMM.pack(query + 2 * width, rowStride: 3 * width, columnStride: 1, k: tokens, n: headWidth, into: values)
      let scores = unsafe workspace.scores.base
      for first in stride(from: 0, to: tokens, by: FloatWorkspace.queryRows) {
        let rows = min(FloatWorkspace.queryRows, tokens - first)
        unsafe gemm.multiply(
          query + first * 3 * width, lda: 3 * width, keys, bias: nil, into: scores, ldc: tokens, m: rows, n: tokens,
          k: headWidth)
        for row in 0..<rows {
          unsafe FloatRows.softmax(
            scores + row * tokens, count: tokens, scoreScale: scoreScale, probabilityScale: probabilityScale)
        }
        unsafe gemm.multiply(
          scores, lda: tokens, values, bias: nil, into: workspace.attention.base + first * width + head * headWidth,
          ldc: width, m: rows, n: headWidth, k: tokens)
      }
    }
  }

  /// Tokens to the final tokens, the pooled row and the logits.
  func readOut<Tap: ActivationTap>(
    _ workspace: FloatWorkspace, _ hiddenStates: [[Float]], _ tap: inout Tap
  ) -> FloatOutput {
    let (tokens, width, depth) = (configuration.tokens, configuration.width, configuration.depth)
    let prefix = configuration.prefixTokens
    let pooled = workspace.pooled
    let final: FloatBuffer
    let readout = configuration.readout
    if readout.normsTheMean {
      let rows = readout == .tokenMeanThenNorm ? 0..<tokens : prefix..<tokens
      final = workspace.residual
      mean(final, rows: rows, into: workspace.row, segment: 0)
      observe(.finalNormInput, depth, workspace.row, 1, width, &tap)
      normalize(workspace.row, finalNorm, rows: 1, into: pooled)
      observe(.finalNormOutput, depth, pooled, 1, width, &tap)
    } else {
      observe(.finalNormInput, depth, workspace.residual, tokens, width, &tap)
      final = workspace.normed
      normalize(workspace.residual, finalNorm, rows: tokens, into: final)
      observe(.finalNormOutput, depth, final, tokens, width, &tap)
      switch readout {
      case .normThenPatchMean: mean(final, rows: prefix..<tokens, into: pooled, segment: 0)
      case .classTokenAndPatchMean:
        mean(final, rows: 0..<1, into: pooled, segment: 0)
        mean(final, rows: prefix..<tokens, into: pooled, segment: 1)
      case .classAndDistillationToken:
        mean(final, rows: 0..<1, into: pooled, segment: 0)
        mean(final, rows: 1..<2, into: pooled, segment: 1)
      case .classToken, .tokenMeanThenNorm, .patchMeanThenNorm:
        mean(final, rows: 0..<1, into: pooled, segment: 0)
      }
    }
    observe(.headInput, depth, pooled, 1, readout.segments * width, &tap)
    return FloatOutput(
      hiddenStates: hiddenStates, lastHiddenState: final.array(tokens * width),
      poolerOutput: poolerOutput(workspace), logits: logits(workspace, &tap))
  }

  private func poolerOutput(_ workspace: FloatWorkspace) -> [Float] {
    guard let pooler else { return workspace.pooled.array(configuration.readout.segments * configuration.width) }
    pooler.apply(workspace.pooled, rows: 1, into: workspace.row, with: gemm)
    // tanh x = 1 - 2 / (e^2x + 1), which is 1 in single precision from 10 up.
    return workspace.row.array(configuration.width).map { 1 - 2 / (FloatRows.exp(min(2 * $0, 20)) + 1) }
  }

  private func logits<Tap: ActivationTap>(_ workspace: FloatWorkspace, _ tap: inout Tap) -> [Float]? {
    guard let head else { return nil }
    head.apply(workspace.pooled, rows: 1, into: workspace.logits, with: gemm)
    observe(.logits, configuration.depth, workspace.logits, 1, head.outputs, &tap)
    return workspace.logits.array(head.outputs)
  }
}

extension FloatReference {
  // MARK: Parts

  @inline(__always)
  private func observe<Tap: ActivationTap>(
    _ site: ActivationSite, _ block: Int, _ buffer: FloatBuffer, _ rows: Int, _ columns: Int, _ tap: inout Tap
  ) {
    buffer.withSpan(rows * columns) { tap.observe(site, block: block, $0, rows: rows, columns: columns) }
  }

  /// `channels x height x width` to one row per patch: channels, then the patch's rows, then its columns.
  private func copyPatches(_ pixels: Span<Float>, into patches: FloatBuffer) {
    let (size, imageWidth, channels) = (configuration.patchSize, configuration.imageWidth, configuration.channels)
    let plane = configuration.imageHeight * imageWidth
    precondition(pixels.count == channels * plane, "pixels must be channels x height x width")
    unsafe pixels.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      var target = unsafe patches.base
      for patchRow in 0..<configuration.gridHeight {
        for patchColumn in 0..<configuration.gridWidth {
          for channel in 0..<channels {
            for row in 0..<size {
              let offset = channel * plane + (patchRow * size + row) * imageWidth + patchColumn * size
              unsafe target.update(from: start + offset, count: size)
              unsafe target += size
            }
          }
        }
      }
    }
  }

  private func normalize(_ x: FloatBuffer, _ norm: PackedNorm, rows: Int, into y: FloatBuffer) {
    let width = configuration.width
    for row in 0..<rows {
      unsafe FloatRows.normalize(
        x.base + row * width, gain: norm.gain.base, bias: norm.bias.base,
        epsilon: Float(configuration.layerNormEpsilon), count: width, into: y.base + row * width)
    }
  }

  /// residual += scale * branch
  private func addBranch(_ workspace: FloatWorkspace, scale: FloatBuffer?) {
    let width = configuration.width
    for row in 0..<configuration.tokens {
      unsafe FloatRows.add(
        workspace.branch.base + row * width, scale: scale?.base, to: workspace.residual.base + row * width, count: width
      )
    }
  }

  /// The mean of some rows, as one segment of a row.
  private func mean(_ x: FloatBuffer, rows: Range<Int>, into y: FloatBuffer, segment: Int) {
    let width = configuration.width
    for column in 0..<width {
      var sum: Float = 0
      for row in rows { unsafe sum += x.base[row * width + column] }
      unsafe y.base[segment * width + column] = sum / Float(rows.count)
    }
  }
}

/// What the reference computes from one image.
public struct FloatOutput: Sendable {
  /// The residual stream entering each block and leaving the last, `tokens x width` each; empty unless asked for.
  public var hiddenStates: [[Float]]
  /// `tokens x width`: after the final norm; where the norm follows the mean, the residual stream itself.
  public var lastHiddenState: [Float]
  /// What the head reads; with a pooler, its output.
  public var poolerOutput: [Float]
  /// One per class; nil without a head.
  public var logits: [Float]?
}

struct PackedNorm: Sendable {
  let gain: FloatBuffer
  let bias: FloatBuffer

  init(_ norm: FloatNorm) {
    gain = FloatBuffer(norm.gain)
    bias = FloatBuffer(norm.bias)
  }
}

/// The weights of a block as the products read them.
struct PackedBlock: Sendable {
  let ln1: PackedNorm
  let ln2: PackedNorm
  let layers: BlockLayers<PackedFloatLinear>
  let layerScale1: FloatBuffer?
  let layerScale2: FloatBuffer?

  init(_ block: FloatBlock) {
    ln1 = PackedNorm(block.ln1)
    ln2 = PackedNorm(block.ln2)
    layers = block.layers.map { PackedFloatLinear($0) }
    layerScale1 = block.layerScale1.map { FloatBuffer($0) }
    layerScale2 = block.layerScale2.map { FloatBuffer($0) }
  }
}
