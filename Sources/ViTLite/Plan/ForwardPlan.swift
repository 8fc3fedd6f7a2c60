import Int8Kernels

/// How a plan trades memory for speed.
public enum PlanKind: String, Sendable, CaseIterable {
  /// Every phase takes all tokens at once.
  case fast
  /// Phases take some tokens at a time, so that only the residual stream, the keys and the values need memory for all
  /// tokens. Takes more time: the first LayerNorm of a block is computed twice, and weights are read once for each
  /// group of tokens.
  case lean
}

/// What a plan depends on, beside its kind and the number of workers.
package struct ModelOutline: Sendable {
  package var configuration: ModelConfiguration
  /// Planes of 8 bits for the softmax's output, 1 or 2.
  package var softmaxPlanes: Int
  /// For each layer of a block: in how many blocks it is wide.
  package var wideLayers: BlockLayers<Int>
  /// Blocks whose attention is wide.
  package var wideAttentions: Int
  /// What is wide of the last block before the readout.
  package var lastBlock: BlockWidths
  package var hasWidePatchEmbedding: Bool
  package var hasWideOutput: Bool
  /// Places that were checked.
  var storedPlans = StoredPlans()

  package init(
    configuration: ModelConfiguration, softmaxPlanes: Int = 2,
    wideLayers: BlockLayers<Int> = BlockLayers { _ in 0 }, wideAttentions: Int = 0,
    lastBlock: BlockWidths = BlockWidths(layers: BlockLayers { _ in false }, attention: false),
    hasWidePatchEmbedding: Bool = false,
    hasWideOutput: Bool = true
  ) {
    self.configuration = configuration
    self.softmaxPlanes = softmaxPlanes
    self.wideLayers = wideLayers
    self.wideAttentions = wideAttentions
    self.lastBlock = lastBlock
    self.hasWidePatchEmbedding = hasWidePatchEmbedding
    self.hasWideOutput = hasWideOutput
  }

  /// - Parameter blocks: what is wide of each, of the one that pools by attention too.
  package init(
    configuration: ModelConfiguration, softmaxPlanes: Int, blocks: [BlockWidths], hasWidePatchEmbedding: Bool,
    hasWideOutput: Bool
  ) {
    self.init(
      configuration: configuration, softmaxPlanes: softmaxPlanes,
      wideLayers: BlockLayers { layer in blocks.count { $0.layers[layer] } },
      wideAttentions: blocks.count { $0.attention },
      lastBlock: blocks.prefix(configuration.depth).last
        ?? BlockWidths(layers: BlockLayers { _ in false }, attention: false),
      hasWidePatchEmbedding: hasWidePatchEmbedding, hasWideOutput: hasWideOutput)
  }

  /// Whether all final tokens are kept: where the readout pools them after the norm, or where there is no head. Where
  /// the norm follows the pooling, they are the residual stream.
  package var keepsFinalTokens: Bool {
    switch configuration.readout.pooling {
    case .mean, .maximum, .meanAndMaximum, .tokenAndMean:
      !configuration.readout.normFollowsPooling || configuration.classes == 0
    case .tokens, .attention: configuration.classes == 0
    }
  }

  /// Tokens that something reads after a block, from the first on: all but after the last block, of which a head that
  /// reads the class token alone needs no other, unless the final tokens are kept.
  package func rows(afterBlock index: Int) -> Int {
    let isLast = index + 1 == configuration.depth
    guard isLast, configuration.readout.pooling == .tokens, !keepsFinalTokens else { return configuration.tokens }
    return configuration.readout.segments
  }
}

/// What of a block is wide: linear layers, attention.
package struct BlockWidths: Sendable {
  package var layers: BlockLayers<Bool>
  package var attention: Bool

  package init(layers: BlockLayers<Bool>, attention: Bool) {
    self.layers = layers
    self.attention = attention
  }
}

/// The plan of one inference: after which phases the workers meet, how they share each phase, and where each buffer
/// lies.
///
/// A pure function of the model's outline, the kind and the number of workers; nothing is allocated.
///
///     let plan = ForwardPlan(model, workers: 2)
///     print(plan.arenaByteCount)
public struct ForwardPlan: Sendable {
  package let outline: ModelOutline
  public let kind: PlanKind
  public let workers: Int
  /// Tokens, or patches, that go through a phase at a time: a multiple of 16, or all of them.
  let rows: Int
  /// Query rows that a worker takes through attention at a time.
  let queryRows: Int
  /// Whether queries, keys and values are projected one after the other into one place.
  let splitsQKV: Bool
  let order: PhaseOrder
  /// The place of each buffer in the arena.
  package let memory: MemoryPlan
  /// A bit for each phase after which the workers meet.
  private let meetings: UInt32
  /// For each phase, the items that the workers share.
  private let shares: [Share]

  /// The plan of a model.
  ///
  /// - Parameter workers: threads on one image, 1 to 256.
  public init(_ model: IntegerModel, kind: PlanKind = .fast, workers: Int = 1) {
    self.init(model.outline, kind: kind, workers: Self.workers(forThreads: workers))
  }

  /// The workers on one image that a number of threads stands for: 1 to 256.
  package static func workers(forThreads threads: Int) -> Int { max(1, min(threads, 256)) }

  /// - Parameter workers: at least 1.
  package init(_ outline: ModelOutline, kind: PlanKind, workers: Int) {
    if workers == 1, let stored = outline.storedPlans[kind],
      let plan = try? ForwardPlan(outline, kind: kind, checking: stored)
    {
      self = plan
      return
    }
    switch kind {
    case .fast: self.init(outline, kind: kind, rows: outline.configuration.tokens, workers: workers)
    case .lean:
      // More rows take less time and more memory: the most with which the arena is at most 17/8 of the residual stream.
      let residual = outline.configuration.tokens * outline.configuration.width * MemoryLayout<Int32>.size
      let plans = stride(from: 64, through: 16, by: -16).lazy.map { rows in
        ForwardPlan(outline, kind: kind, rows: min(rows, outline.configuration.tokens), workers: workers)
      }
      self =
        plans.first { $0.arenaByteCount <= residual / 8 * 17 }
        ?? ForwardPlan(outline, kind: kind, rows: min(16, outline.configuration.tokens), workers: workers)
    }
  }

  private init(_ outline: ModelOutline, kind: PlanKind, rows: Int, workers: Int) {
    self.init(outline, kind: kind, rows: rows, workers: workers) { MemoryPlan($0) }
  }

  /// - Parameter place: finds places for the buffers.
  init<Failure: Error>(
    _ outline: ModelOutline, kind: PlanKind, rows: Int, workers: Int,
    place: ([MemoryPlan.Request]) throws(Failure) -> MemoryPlan
  ) throws(Failure) {
    self.outline = outline
    self.kind = kind
    self.workers = workers
    self.rows = rows
    queryRows = kind == .fast ? 32 : 16
    // Each part begins at a whole panel of weights.
    splitsQKV = kind == .lean && outline.configuration.width.isMultiple(of: WeightLayout.panelColumns)
    let poolsByAttention = outline.configuration.readout.pooling == .attention
    order =
      kind == .fast
      ? .fast(poolsByAttention: poolsByAttention)
      : .lean(splitsQKV: splitsQKV, poolsByAttention: poolsByAttention)
    meetings = Self.meetings(order)
    shares = Phase.allCases.map { [queryRows] phase in
      Share(phase, heads: outline.configuration.heads, queryRows: queryRows)
    }
    let lifetimes = Self.lifetimes(order, kind, meetings)
    let shapes = BufferShapes(outline, kind: kind, rows: rows, queryRows: queryRows, splitsQKV: splitsQKV)
    let requests = Buffer.allCases.map { buffer in
      let shape = shapes.shape(of: buffer)
      let bytes = buffer.isPerWorker ? workers * MemoryPlan.aligned(shape.byteCount) : shape.byteCount
      return MemoryPlan.Request(name: buffer.name, byteCount: bytes, lifetime: lifetimes[buffer.rawValue])
    }
    memory = try place(requests)
  }

  /// Whether the workers meet after a phase, so that each sees what the others wrote.
  package func workersMeet(after phase: Phase) -> Bool { meetings & (1 << UInt32(phase.rawValue)) != 0 }

  /// The number of meetings before each phase of the order; buffers' lifetimes are given in these.
  var stages: [Int] { Self.stages(order, meetings) }

  /// The phases of each stage, in order.
  package var phasesByStage: [[Phase]] {
    var phases: [[Phase]] = []
    for (phase, stage) in zip(order.phases, stages) {
      if phases.count <= stage { phases.append([]) }
      phases[stage].append(phase)
    }
    return phases
  }

  /// How many items the workers share in a phase that goes over some tokens, patches or outputs, and how many belong
  /// together.
  func share(of phase: Phase, over count: Int) -> (count: Int, unit: Int) { shares[phase.rawValue].items(over: count) }

  /// Bytes of activations that an inference takes, beside the model.
  public var arenaByteCount: Int { memory.byteCount }

  package func shape(of buffer: Buffer) -> BufferShape {
    BufferShapes(outline, kind: kind, rows: rows, queryRows: queryRows, splitsQKV: splitsQKV).shape(of: buffer)
  }

  package func offset(of buffer: Buffer) -> Int { memory.buffers[buffer.rawValue].offset }

  /// Blocks of query rows among some rows of a head.
  func queryBlocks(_ rows: Int) -> Int { (rows + queryRows - 1) / queryRows }

  /// The rows that go through a phase at a time, in order.
  @inline(__always)
  func forEachRows(of count: Int, _ body: (Range<Int>) -> Void) {
    for first in stride(from: 0, to: count, by: max(rows, 1)) { body(first..<min(first + rows, count)) }
  }
}

/// The items of a phase that the workers share: a fixed number, or some for each group of what the phase goes over.
private struct Share: Sendable {
  private let fixed: Int
  private let perGroup: Int
  private let group: Int
  private let unit: Int

  init(_ phase: Phase, heads: Int, queryRows: Int) {
    (fixed, perGroup, group, unit) =
      switch phase.description.work {
      case .tokens, .patches: (0, 1, 1, 1)
      case .heads: (heads, 0, 1, 1)
      case .queryBlocks: (0, heads, queryRows, 1)
      case .once: (1, 0, 1, 1)
      case .outputs: (0, 1, 1, WeightLayout.panelColumns)
      }
  }

  @inline(__always)
  func items(over count: Int) -> (count: Int, unit: Int) { (fixed + perGroup * ((count + group - 1) / group), unit) }
}

// MARK: - Derived from the phases

extension ForwardPlan {
  /// What a phase reads and writes in this kind of plan: in a lean one the heads' results overwrite the queries.
  private static func access(_ phase: Phase, _ kind: PlanKind) -> Phase.Description {
    var description = phase.description
    guard kind == .lean else { return description }
    if description.reads.contains(.attention) { description.reads.formUnion(.qkv) }
    if description.writes.contains(.attention) { description.writes.formUnion(.qkv) }
    return description
  }

  /// A phase ends when all of its work is done, whoever does it. Phases that take the same blocks of query rows are
  /// worked on together, block by block.
  private static func meetings(_ order: PhaseOrder) -> UInt32 {
    var meetings: UInt32 = 0
    for (index, phase) in order.phases.enumerated() {
      let next = index + 1 < order.phases.count ? order.phases[index + 1] : nil
      let goesOn = phase.description.work == .queryBlocks && next?.description.work == .queryBlocks
      if !goesOn { meetings |= 1 << UInt32(phase.rawValue) }
    }
    return meetings
  }

  /// For each phase of the order, the number of meetings before it.
  private static func stages(_ order: PhaseOrder, _ meetings: UInt32) -> [Int] {
    var stage = 0
    return order.phases.map { phase in
      defer { if meetings & (1 << UInt32(phase.rawValue)) != 0 { stage += 1 } }
      return stage
    }
  }

  /// For each buffer, the stages in which its contents are needed. A stage is what happens between two meetings, so
  /// that buffers with no stage in common are never used at the same time and may share memory.
  private static func lifetimes(_ order: PhaseOrder, _ kind: PlanKind, _ meetings: UInt32) -> [ClosedRange<Int>] {
    let stages = stages(order, meetings)
    return Buffer.allCases.map { buffer in
      guard buffer != .zeros else { return 0...(stages.last ?? 0) }
      let users = order.phases.indices.filter { index in
        let description = access(order.phases[index], kind)
        return description.reads.contains(buffer) || description.writes.contains(buffer)
      }
      guard var first = users.first, var last = users.last else { return 0...0 }
      // A buffer that is written before a loop and read in it, or written in it and read after it, is needed throughout
      // the loop.
      for loop in order.loops where first <= loop.range.upperBound - 1 && last >= loop.range.lowerBound {
        guard first < loop.range.lowerBound || last >= loop.range.upperBound else { continue }
        (first, last) = (min(first, loop.range.lowerBound), max(last, loop.range.upperBound - 1))
      }
      return stages[first]...stages[last]
    }
  }
}

// MARK: - Products

extension ForwardPlan {
  /// Operations of a phase's product, of all blocks for one that is in a block; a multiplication and an addition are
  /// two. 0 for a phase without a product.
  package func operations(of phase: Phase) -> Int64 {
    guard let product = phase.description.product else { return 0 }
    let configuration = outline.configuration
    let (tokens, width) = (Int64(configuration.tokens), Int64(configuration.width))
    let depth = Int64(configuration.depth)
    // Rows that the last block leaves out.
    let unread = depth > 0 ? tokens - Int64(outline.rows(afterBlock: configuration.depth - 1)) : 0
    /// Rows through a product of the attentions, counted as often as int8 products take that time.
    func attentionRows(_ narrow: Int64, wide: Int64) -> Int64 {
      let added = Int64(outline.wideAttentions) * (wide - narrow)
      return tokens * (depth * narrow + added) - unread * (outline.lastBlock.attention ? wide : narrow)
    }
    switch product {
    // An int16 product is counted as two of int8; a wide attention's values take three of these.
    case .scores: return 2 * tokens * width * attentionRows(1, wide: 2)
    case .values: return 2 * tokens * width * attentionRows(Int64(outline.softmaxPlanes), wide: 3)
    case .patchEmbedding:
      let products: Int64 = outline.hasWidePatchEmbedding ? 2 : 1
      return 2 * products * Int64(configuration.patches) * Int64(configuration.patchInputs) * Int64(configuration.width)
    case .layer(let layer):
      let (outputs, inputs) = layer.shape(in: configuration)
      let products = depth + Int64(outline.wideLayers[layer])
      // Of queries, keys and values the last block leaves out queries.
      let unreadOutputs = unread * (layer == .attnQKV ? width : Int64(outputs))
      let unreadProducts = outline.lastBlock.layers[layer] ? 2 : 1 as Int64
      return 2 * Int64(inputs) * (products * tokens * Int64(outputs) - unreadProducts * unreadOutputs)
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
