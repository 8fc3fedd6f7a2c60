import Int8Kernels
import ViTLite

/// The fp32 forward pass that everything else is measured against. Weights are packed once; the object is immutable,
/// and threads share it.
///
///     let reference = FloatReference(checkpoint.model)
///     let output = try reference.run(sample.values(preprocessing: checkpoint.preprocessing, channels: 3))
@safe public final class FloatReference: Sendable {
  let frame: PackedFrame
  let blocks: [PackedBlock]
  let gemm: SGEMM

  public var configuration: ModelConfiguration { frame.configuration }

  public convenience init(_ model: FloatModel) {
    self.init(model, gemm: .fastest)
  }

  convenience init(_ model: FloatModel, gemm: SGEMM) {
    self.init(PackedFrame(model), model.blocks.map { PackedBlock($0) }, gemm)
  }

  private init(_ frame: PackedFrame, _ blocks: [PackedBlock], _ gemm: SGEMM) {
    self.frame = frame
    self.blocks = blocks
    self.gemm = gemm
  }

  /// The same model with this block in every place, for calibration, which has one block at a time. All else is shared.
  func having(_ block: PackedBlock) -> FloatReference {
    FloatReference(frame, Array(repeating: block, count: configuration.blockCount), gemm)
  }

  /// One block, or the head that pools by attention, which reads the residual stream rotated back and leaves it so.
  ///
  /// - Parameter completes: false to end a block with what its last layer reads.
  func runBlock<Tap: ActivationTap>(
    _ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap, completes: Bool = true
  ) {
    guard index < configuration.depth else {
      leaveBlocks(workspace)
      return poolByAttention(workspace, &tap)
    }
    attention(index, workspace, &tap)
    mlp(index, workspace, &tap, completes: completes)
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
    for index in 0..<configuration.depth {
      if keepsHiddenStates { hiddenStates.append(workspace.residual.array(tokens * width)) }
      runBlock(index, workspace, &tap)
    }
    if keepsHiddenStates { hiddenStates.append(workspace.residual.array(tokens * width)) }
    return readOut(workspace, hiddenStates, &tap)
  }

  /// Pixels to tokens: residual = prefix tokens, then patches W + b + positions.
  func embed<Tap: ActivationTap>(_ pixels: Span<Float>, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    let (patches, width) = (configuration.patches, configuration.width)
    copyPatches(pixels, into: workspace.patches)
    observe(.patches, 0, workspace.patches, patches, configuration.patchInputs, &tap)
    frame.patchEmbedding.apply(workspace.patches, rows: patches, into: workspace.branch, with: gemm)
    let prefix = configuration.prefixTokens * width
    unsafe workspace.residual.base.update(from: frame.base.base, count: configuration.tokens * width)
    unsafe FloatRows.add(
      workspace.branch.base, scale: nil, to: workspace.residual.base + prefix, count: patches * width)
    observe(.embeddings, 0, workspace.residual, configuration.tokens, width, &tap)
    enterBlocks(workspace)
  }

  /// What stands between the embeddings and the first block, where there is anything: a norm, the rotation of the
  /// residual stream.
  func enterBlocks(_ workspace: FloatWorkspace) {
    if let norm = frame.preNorm {
      normalize(workspace.residual, norm, rows: configuration.tokens, into: workspace.residual)
    }
    unsafe frame.hadamard?.apply(toRows: workspace.residual.base, count: configuration.tokens)
  }

  /// Rotates the residual stream back, where it is rotated.
  func leaveBlocks(_ workspace: FloatWorkspace) {
    unsafe frame.hadamard?.apply(toRows: workspace.residual.base, count: configuration.tokens, isInverse: true)
  }

  /// residual += layerScale1 * attnOut(attention(ln1(residual)))
  func attention<Tap: ActivationTap>(_ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    let block = blocks[index]
    let (tokens, width) = (configuration.tokens, configuration.width)
    observe(.residual, index, workspace.residual, tokens, width, &tap)
    normalize(workspace.residual, block.ln1, rows: tokens, into: workspace.normed)
    apply(.attnQKV, of: block, index, to: workspace.normed, rows: tokens, into: workspace.qkv, &tap)
    transformAndAttend(index, workspace, &tap)
  }

  /// The same from queries, keys and values on.
  func transformAndAttend<Tap: ActivationTap>(_ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    let tokens = configuration.tokens
    if configuration.transformsQueriesAndKeys {
      transform(workspace, blocks[index])
      observe(.queriesKeysValues, index, workspace.qkv, tokens, 3 * configuration.width, &tap)
    }
    attend(workspace, queries: tokens, tokens: tokens)
    project(index, workspace, &tap)
  }

  /// residual += layerScale1 * attnOut(heads' results)
  func project<Tap: ActivationTap>(_ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap) {
    let (block, tokens) = (blocks[index], configuration.tokens)
    if let norm = block.attentionNorm {
      observe(.attentionNormInput, index, workspace.attention, tokens, configuration.width, &tap)
      normalize(workspace.attention, norm, rows: tokens, into: workspace.attention)
    }
    apply(.attnOut, of: block, index, to: workspace.attention, rows: tokens, into: workspace.branch, &tap)
    addBranch(workspace, scale: block.layerScale1)
  }

  /// residual += layerScale2 * ffnDown(activation(ffnUp(ln2(residual)))), where a gate's activation is multiplied by the
  /// rest.
  ///
  /// - Parameter completes: false to end with what `ffnDown` reads.
  func mlp<Tap: ActivationTap>(
    _ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap, completes: Bool = true
  ) {
    let block = blocks[index]
    let (tokens, width) = (configuration.tokens, configuration.width)
    observe(.residualMiddle, index, workspace.residual, tokens, width, &tap)
    normalize(workspace.residual, block.ln2, rows: tokens, into: workspace.normed)
    apply(.ffnUp, of: block, index, to: workspace.normed, rows: tokens, into: workspace.hidden, &tap)
    contract(index, workspace, &tap, completes: completes)
  }

  /// residual += layerScale2 * ffnDown(activation(hidden)), where a gate's activation is multiplied by the rest.
  func contract<Tap: ActivationTap>(
    _ index: Int, _ workspace: FloatWorkspace, _ tap: inout Tap, completes: Bool = true
  ) {
    let (block, tokens, mlpWidth) = (blocks[index], configuration.tokens, configuration.mlpWidth)
    if configuration.isGated {
      unsafe FloatRows.gate(workspace.hidden.base, configuration.activation, rows: tokens, columns: mlpWidth)
      observe(.gated, index, workspace.hidden, tokens, mlpWidth, &tap)
    } else {
      unsafe FloatRows.fastest.activate(
        workspace.hidden.base, tokens * mlpWidth, configuration.activation.rowCode)
    }
    if let factors = block.hiddenFactors {
      unsafe FloatRows.fastest.multiply(
        workspace.hidden.base, factors.base, tokens, mlpWidth, workspace.hidden.base)
    }
    if let norm = block.hiddenNorm { normalize(workspace.hidden, norm, rows: tokens, into: workspace.hidden) }
    guard completes else { return observe(.input(.ffnDown), index, workspace.hidden, tokens, mlpWidth, &tap) }
    apply(.ffnDown, of: block, index, to: workspace.hidden, rows: tokens, into: workspace.branch, &tap)
    addBranch(workspace, scale: block.layerScale2)
  }

  /// A linear layer of a block on some tokens.
  func apply<Tap: ActivationTap>(
    _ name: BlockLayer, of block: PackedBlock, _ index: Int, to x: FloatBuffer, rows: Int, into y: FloatBuffer,
    _ tap: inout Tap
  ) {
    let layer = block.layers[name]
    observe(.input(name), index, x, rows, layer.inputs, &tap)
    layer.apply(x, rows: rows, into: y, with: gemm)
    observe(.output(name), index, y, rows, layer.outputs, &tap)
  }

  /// The norm of each head's queries and keys, then the rotation of those of the patches.
  func transform(_ workspace: FloatWorkspace, _ block: PackedBlock) {
    let (width, headWidth, prefix) = (configuration.width, configuration.headWidth, configuration.prefixTokens)
    for token in 0..<configuration.tokens {
      for head in 0..<configuration.heads {
        for (part, norm) in [block.queryNorm, block.keyNorm].enumerated() {
          let channel = head * headWidth
          let row = unsafe workspace.qkv.base + (3 * token + part) * width + channel
          if let norm {
            unsafe FloatRows.fastest.normalize(
              row, norm.gain.base + channel, norm.bias.base + channel, Float(configuration.layerNormEpsilon),
              headWidth, configuration.norm == .layerNorm ? 1 : 0, row)
          }
          if let rotation = frame.rotation, token >= prefix {
            let angle = (token - prefix) * headWidth / 2
            unsafe FloatRows.rotate(
              row, cosines: rotation.cosines.base + angle, sines: rotation.sines.base + angle, pairs: headWidth / 2)
          }
        }
      }
    }
  }

  /// attention (queries x width) = softmax(queries x keys) x values, for each head and block of query rows.
  ///
  /// - Parameters:
  ///   - queries: rows whose queries are taken.
  ///   - tokens: rows whose keys and values are taken.
  func attend(_ workspace: FloatWorkspace, queries: Int, tokens: Int) {
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    for head in 0..<configuration.heads {
      let query = unsafe workspace.qkv.base + head * headWidth
      let (keys, values) = unsafe (workspace.packedKeys.base, workspace.packedValues.base)
      unsafe SGEMM.pack(query + width, rowStride: 1, columnStride: 3 * width, k: headWidth, n: tokens, into: keys)
      unsafe SGEMM.pack(query + 2 * width, rowStride: 3 * width, columnStride: 1, k: tokens, n: headWidth, into: values)
      let scores = unsafe workspace.scores.base
      for first in stride(from: 0, to: queries, by: FloatWorkspace.queryRows) {
        let rows = min(FloatWorkspace.queryRows, queries - first)
        unsafe gemm.multiply(
          query + first * 3 * width, lda: 3 * width, keys, bias: nil, into: scores, ldc: tokens, m: rows, n: tokens,
          k: headWidth)
        unsafe FloatRows.fastest.softmax(scores, rows, tokens, frame.scoreScale, frame.probabilityScale)
        unsafe gemm.multiply(
          scores, lda: tokens, values, bias: nil, into: workspace.attention.base + first * width + head * headWidth,
          ldc: width, m: rows, n: headWidth, k: tokens)
      }
    }
  }
}

extension FloatReference {
  // MARK: Parts

  @inline(__always)
  func observe<Tap: ActivationTap>(
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

  /// - Parameter first: the row of `x` that becomes the first of `y`.
  func normalize(
    _ x: FloatBuffer, _ norm: PackedNorm, rows: Int, from first: Int = 0, into y: FloatBuffer
  ) {
    let width = norm.gain.count
    for row in 0..<rows {
      unsafe FloatRows.fastest.normalize(
        x.base + (first + row) * width, norm.gain.base, norm.bias.base, Float(configuration.layerNormEpsilon), width,
        configuration.norm == .layerNorm ? 1 : 0, y.base + row * width)
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
}

/// What the reference computes from one image.
public struct FloatOutput: Sendable {
  /// The residual stream entering each block and leaving the last, `tokens x width` each; empty unless asked for.
  public var hiddenStates: [[Float]]
  /// `tokens x width`: after the final norm; where the norm follows the pooling, the residual stream itself.
  public var lastHiddenState: [Float]
  /// What the head reads; with a pooler, its output.
  public var poolerOutput: [Float]
  /// One per class; nil without a head.
  public var logits: [Float]?
  /// The projection of the pooled row; nil without a projection.
  public var imageEmbedding: [Float]?
}
