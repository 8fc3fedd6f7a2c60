import Int8Kernels

/// The shape of each buffer in a plan.
struct BufferShapes {
  private let outline: ModelOutline
  private let kind: PlanKind
  /// Tokens or patches at a time.
  private let rows: Int
  private let queryRows: Int
  private let splitsQKV: Bool

  init(_ outline: ModelOutline, kind: PlanKind, rows: Int, queryRows: Int, splitsQKV: Bool) {
    self.outline = outline
    self.kind = kind
    self.rows = rows
    self.queryRows = queryRows
    self.splitsQKV = splitsQKV
  }

  func shape(of buffer: Buffer) -> BufferShape {
    let configuration = outline.configuration
    let (tokens, width, mlpWidth) = (configuration.tokens, configuration.width, configuration.mlpWidth)
    let upOutputs = BlockLayer.ffnUp.shape(in: configuration).outputs
    let (heads, headWidth) = (configuration.heads, configuration.headWidth)
    let wide = outline.wideLayers.map { $0 > 0 }
    let paddedTokens = WeightLayout.paddedOutputs(tokens)
    let inputs = configuration.readout.segments * width
    let hasWideAttention = outline.wideAttentions > 0
    let planes = hasWideAttention ? 2 : 1
    let softmaxPlanes = max(outline.softmaxPlanes, planes)
    let qkvWidth = splitsQKV ? width : 3 * width
    switch buffer {
    case .residual: return .int32(tokens, width)
    case .patches:
      return .activations(
        min(rows, configuration.patches), configuration.patchInputs, isWide: outline.hasWidePatchEmbedding)
    case .activations: return .activations(rows, width, isWide: wide.attnQKV || wide.attnOut || wide.ffnUp)
    case .qkv: return .int16(rows, qkvWidth)
    case .keys: return .panels(heads, byteCount: planes * WeightLayout.byteCount(outputs: tokens, inputs: headWidth))
    case .keyScales: return .int32(2 * heads, paddedTokens)
    case .values: return .panels(heads, byteCount: planes * WeightLayout.byteCount(outputs: headWidth, inputs: tokens))
    case .attention: return .int16(kind == .lean ? 0 : tokens, width)
    case .hidden: return .int16(rows, upOutputs)
    case .hiddenActivations: return .activations(rows, mlpWidth, isWide: wide.ffnDown)
    case .finalTokens: return .int32(outline.keepsFinalTokens ? tokens : 0, width)
    case .readoutRows: return .int32(2, width)
    case .headInput: return .int16(1, inputs)
    case .headActivations: return .activations(1, inputs, isWide: outline.hasWideOutput)
    case .outputs:
      return .int32(1, WeightLayout.paddedOutputs(max(configuration.classes, configuration.projectionWidth, width)))
    case .zeros:
      let outputs = max(3 * width, upOutputs, configuration.classes, configuration.projectionWidth)
      return .int32(1, max(paddedTokens, WeightLayout.paddedOutputs(outputs)))
    case .normalized: return .int16(Kernels.normalizedRows, width)
    case .queries: return .activations(queryRows, headWidth, isWide: hasWideAttention)
    case .scores: return .int32(queryRows, paddedTokens)
    case .probabilities: return .activations(softmaxPlanes * queryRows, paddedTokens)
    case .weightedSums: return .int32((hasWideAttention ? 3 : softmaxPlanes) * queryRows, headWidth)
    case .rowSums: return .int32(1, queryRows)
    }
  }
}
