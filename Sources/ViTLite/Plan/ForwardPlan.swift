import Int8Kernels

/// How a plan trades memory for speed.
public enum PlanKind: String, Sendable, CaseIterable {
  /// Every phase takes all tokens at once.
  case fast
}

/// What a plan depends on, beside its kind and the number of workers.
package struct ModelOutline: Sendable {
  package var configuration: ModelConfiguration
  /// Planes of 8 bits for the softmax's output, 1 or 2.
  package var softmaxPlanes: Int
  /// For each layer of a block: in how many blocks it is wide.
  package var wideLayers: BlockLayers<Int>
  package var hasWidePatchEmbedding: Bool
  package var hasWideOutput: Bool

  package init(
    configuration: ModelConfiguration, softmaxPlanes: Int = 2,
    wideLayers: BlockLayers<Int> = BlockLayers { _ in 0 }, hasWidePatchEmbedding: Bool = false,
    hasWideOutput: Bool = true
  ) {
    self.configuration = configuration
    self.softmaxPlanes = softmaxPlanes
    self.wideLayers = wideLayers
    self.hasWidePatchEmbedding = hasWidePatchEmbedding
    self.hasWideOutput = hasWideOutput
  }

  /// Whether the final norm is applied to every token: where the readout averages them, or where there is no head.
  package var normsAllTokens: Bool {
    switch configuration.readout {
    case .normThenPatchMean, .classTokenAndPatchMean: true
    default: configuration.classes == 0
    }
  }
}

/// How one inference goes: its phases, where the workers meet, and where each buffer lies.
///
/// A pure function of the model's outline, the kind and the number of workers; nothing is allocated.
///
///     let plan = ForwardPlan(model, workers: 2)
///     print(plan.arenaByteCount)
public struct ForwardPlan: Sendable {
  /// Query rows that a worker takes through attention at a time.
  static let queryRows = 32

  package let outline: ModelOutline
  public let kind: PlanKind
  public let workers: Int
  /// The arena.
  package let memory: MemoryPlan
  /// A bit for each phase after which the workers meet.
  private let meetings: UInt32
  /// By phase: what the workers share, and in which units.
  private let shares: [(count: Int, unit: Int)]

  /// The plan of a model.
  ///
  /// - Parameter workers: threads on one image, at least 1.
  public init(_ model: IntegerModel, kind: PlanKind = .fast, workers: Int = 1) {
    self.init(model.outline, kind: kind, workers: max(1, workers))
  }

  /// - Parameter workers: at least 1.
  package init(_ outline: ModelOutline, kind: PlanKind, workers: Int) {
    self.outline = outline
    self.kind = kind
    self.workers = workers
    let meetings = Self.meetings()
    self.meetings = meetings
    shares = Phase.allCases.map { Self.share(of: $0, outline) }
    let lifetimes = Self.lifetimes(meetings)
    memory = MemoryPlan(
      Buffer.allCases.map { buffer in
        let shape = Self.shape(of: buffer, outline)
        let bytes = buffer.isPerWorker ? workers * MemoryPlan.aligned(shape.byteCount) : shape.byteCount
        return MemoryPlan.Request(name: buffer.name, byteCount: bytes, lifetime: lifetimes[buffer.rawValue])
      })
  }

  /// Whether the workers meet after a phase.
  @inline(__always)
  func meets(after phase: Phase) -> Bool { meetings & (1 << UInt32(phase.rawValue)) != 0 }

  /// Whether the workers meet after a phase, so that each sees what the others wrote.
  package func workersMeet(after phase: Phase) -> Bool { meets(after: phase) }

  /// The number of meetings before a phase; buffers' lifetimes are given in these.
  func stage(of phase: Phase) -> Int { Self.stages(meetings)[phase.rawValue] }

  /// How many items the workers share in a phase, and how many belong together.
  func share(of phase: Phase) -> (count: Int, unit: Int) { shares[phase.rawValue] }

  /// Bytes of activations that an inference takes, beside the model.
  public var arenaByteCount: Int { memory.byteCount }

  package func shape(of buffer: Buffer) -> BufferShape { Self.shape(of: buffer, outline) }

  package func offset(of buffer: Buffer) -> Int { memory.buffers[buffer.rawValue].offset }

  /// Blocks of query rows in a head.
  var queryBlocks: Int { (outline.configuration.tokens + Self.queryRows - 1) / Self.queryRows }
}

// MARK: - Derived from the phases

extension ForwardPlan {
  /// The workers meet before a phase that touches what another has written, or writes what another touches, since they
  /// met last.
  private static func meetings() -> UInt32 {
    var meetings: UInt32 = 0
    var open: [Phase] = []
    // Two blocks, so that what the last phase of one does to the first of the next is seen.
    let phases = Phase.allCases
    let order = phases[..<Phase.finalNorm.rawValue] + phases[Phase.block] + phases[Phase.finalNorm.rawValue...]
    for phase in order {
      if open.contains(where: { $0.conflicts(with: phase) }), let last = open.last {
        meetings |= 1 << UInt32(last.rawValue)
        open.removeAll()
      }
      open.append(phase)
    }
    return meetings
  }

  /// For each phase, the number of meetings before it.
  private static func stages(_ meetings: UInt32) -> [Int] {
    var stage = 0
    return Phase.allCases.map { phase in
      defer { if meetings & (1 << UInt32(phase.rawValue)) != 0 { stage += 1 } }
      return stage
    }
  }

  /// For each buffer, the stages in which it holds something: a stage is all that happens between two meetings, so that
  /// buffers that share memory are never used at the same time.
  private static func lifetimes(_ meetings: UInt32) -> [ClosedRange<Int>] {
    let stages = stages(meetings)
    return Buffer.allCases.map { buffer in
      guard buffer != .zeros else { return 0...(stages.last ?? 0) }
      var first: Int?
      var last = 0
      var crossesBlocks = false
      for phase in Phase.allCases {
        let description = phase.description
        let reads = description.reads.contains(buffer)
        guard reads || description.writes.contains(buffer) else { continue }
        // Read in a block before the block writes it: it comes from the block before.
        if reads, Phase.block.contains(phase.rawValue), first.map({ $0 < stages[Phase.block.lowerBound] }) ?? true {
          crossesBlocks = true
        }
        first = first ?? stages[phase.rawValue]
        last = stages[phase.rawValue]
      }
      let begin = first ?? 0
      return begin...max(last, crossesBlocks ? stages[Phase.block.upperBound] : begin)
    }
  }

  private static func share(of phase: Phase, _ outline: ModelOutline) -> (count: Int, unit: Int) {
    let configuration = outline.configuration
    let description = phase.description
    switch description.work {
    case .tokens: return (configuration.tokens, 1)
    case .patches: return (configuration.patches, 1)
    case .heads: return (configuration.heads, 1)
    case .queryBlocks: return (configuration.heads * ((configuration.tokens + queryRows - 1) / queryRows), 1)
    case .once: return (1, 1)
    case .outputs:
      guard case .layer(let layer) = description.product else {
        return (configuration.width, WeightLayout.panelColumns)
      }
      return (layer.shape(in: configuration).outputs, WeightLayout.panelColumns)
    }
  }

  private static func shape(of buffer: Buffer, _ outline: ModelOutline) -> BufferShape {
    let configuration = outline.configuration
    let (tokens, width, mlpWidth) = (configuration.tokens, configuration.width, configuration.mlpWidth)
    let (heads, headWidth) = (configuration.heads, configuration.headWidth)
    let wide = outline.wideLayers.map { $0 > 0 }
    let paddedTokens = WeightLayout.paddedOutputs(tokens)
    let inputs = configuration.readout.segments * width
    switch buffer {
    case .residual: return .int32(tokens, width)
    case .patches: return .activations(configuration.patches, configuration.patchInputs)
    case .activations: return .activations(tokens, width, isWide: wide.attnQKV || wide.attnOut || wide.ffnUp)
    case .qkv: return .int16(tokens, 3 * width)
    case .keys: return .panels(heads, byteCount: WeightLayout.byteCount(outputs: tokens, inputs: headWidth))
    case .keyScales: return .int32(2 * heads, paddedTokens)
    case .values: return .panels(heads, byteCount: WeightLayout.byteCount(outputs: headWidth, inputs: tokens))
    case .attention: return .int16(tokens, width)
    case .hidden: return .int16(tokens, mlpWidth)
    case .hiddenActivations: return .activations(tokens, mlpWidth, isWide: wide.ffnDown)
    case .finalTokens: return .int32(outline.normsAllTokens ? tokens : 0, width)
    case .readoutRows: return .int32(2, width)
    case .headInput: return .int16(1, inputs)
    case .headActivations: return .activations(1, inputs, isWide: outline.hasWideOutput)
    case .outputs: return .int32(1, WeightLayout.paddedOutputs(max(configuration.classes, width)))
    case .wideSums:
      return .int32(tokens, max(wide.attnQKV ? 3 * width : 0, wide.ffnUp ? mlpWidth : 0))
    case .zeros:
      return .int32(1, max(paddedTokens, WeightLayout.paddedOutputs(max(3 * width, mlpWidth, configuration.classes))))
    case .normalized: return .int16(Kernels.normalizedRows, width)
    case .queries: return .activations(queryRows, headWidth)
    case .scores: return .int32(queryRows, paddedTokens)
    case .probabilities: return .activations(outline.softmaxPlanes * queryRows, paddedTokens)
    case .weightedSums: return .int32(outline.softmaxPlanes * queryRows, headWidth)
    case .rowSums: return .int32(1, queryRows)
    }
  }
}

// MARK: - Products

extension ForwardPlan {
  /// Operations of a phase's product, of all blocks for one that is in a block; a multiplication and an addition are two.
  /// 0 for a phase without a product.
  package func operations(of phase: Phase) -> Int64 {
    guard let product = phase.description.product else { return 0 }
    let configuration = outline.configuration
    let tokens = Int64(configuration.tokens)
    let depth = Int64(configuration.depth)
    let attention = 2 * depth * tokens * tokens * Int64(configuration.width)
    switch product {
    case .scores: return attention
    case .values: return attention * Int64(outline.softmaxPlanes)
    case .patchEmbedding:
      // Pixels have no low plane.
      let products: Int64 = outline.hasWidePatchEmbedding ? 2 : 1
      return 2 * products * Int64(configuration.patches) * Int64(configuration.patchInputs) * Int64(configuration.width)
    case .layer(let layer):
      let (outputs, inputs) = layer.shape(in: configuration)
      // A wide layer takes three products.
      let products = depth + 2 * Int64(outline.wideLayers[layer])
      return 2 * products * tokens * Int64(outputs) * Int64(inputs)
    }
  }

  /// Operations of all linear layers that see every token.
  package var linearOperations: Int64 {
    Phase.allCases.reduce(0) { total, phase in
      switch phase.description.product {
      case .patchEmbedding, .layer: total + operations(of: phase)
      case .scores, .values, nil: total
      }
    }
  }
}
