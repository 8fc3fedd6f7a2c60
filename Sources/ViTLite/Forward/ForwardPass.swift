import Int8Kernels

/// The int8 model's forward pass: from 8-bit pixels to integer logits without a floating-point number.
///
/// All workers run it together, each its share of every phase, and meet where the plan says; no result depends on how
/// many they are. The float reference has the same four functions in the same order.
struct ForwardPass<Observer: PhaseObserver> {
  let model: IntegerModel
  let arena: InferenceArena
  let kernels: Kernels
  let worker: Worker
  let observer: Observer

  /// - Parameters:
  ///   - pixels: channels x height x width.
  ///   - states: receives the residual stream around every block and all final tokens; nil when not wanted.
  func run(pixels: Vector<UInt8>, states: HiddenStates?) {
    embed(pixels)
    for index in model.blocks.indices {
      states?.keep(arena.residual, index, share(of: .positions))
      attention(model.blocks[index])
      mlp(model.blocks[index])
    }
    states?.keep(arena.residual, model.blocks.count, share(of: .positions))
    readOut(states)
  }

  /// residual (tokens x width) = positions with prefix tokens, plus patches (patches x inputs) times the embedding.
  private func embed(_ pixels: Vector<UInt8>) {
    phase(.positions) { tokens in arena.residual.copyRows(tokens, from: model.positions) }
    phase(.patches) { patches in gather(patches, of: pixels) }
    product(.patchEmbedding, model.patchEmbedding)
  }

  /// residual += projection(attention(ln1(residual)))
  private func attention(_ block: IntegerBlock) {
    let layers = block.layers
    let input = arena.input(of: layers.attnQKV)
    phase(.ln1) { tokens in
      kernels.normalize(
        arena.residual, rows: tokens, block.ln1, block.quantizers.attnQKV, through: scratch.normalized, into: input)
    }
    product(.attnQKV, layers.attnQKV)
    phase(.attnPack) { heads in
      for head in heads {
        kernels.packKeys(keys(head), block.keyQuantizers[head], into: arena.keys(head))
        kernels.packValues(values(head), into: arena.values(head))
      }
    }
    attend(block)
    let output = arena.input(of: layers.attnOut)
    phase(.attnQuantize) { tokens in
      kernels.quantize(arena.attention, rows: tokens, block.quantizers.attnOut, into: output)
    }
    product(.attnOut, layers.attnOut)
  }

  /// attention (tokens x width) = softmax(queries x keys) x values, for each head and block of query rows.
  private func attend(_ block: IntegerBlock) {
    let headWidth = model.configuration.headWidth
    for unit in share(of: .attnScores) {
      let (head, rows) = queryBlock(unit)
      let channels = head * headWidth..<(head + 1) * headWidth
      let queries = scratch.queries.rows(0..<rows.count)
      let scores = scratch.scores.rows(0..<rows.count).columns(0..<model.configuration.tokens)
      kernels.quantizeQueries(arena.qkv.rows(rows).columns(channels), block.queryQuantizers[head], into: queries)
      kernels.multiply(queries, by: arena.keys(head).matrix(shift: block.scoreShift), into: scores, noScratch)
      observer.finish(.attnScores)
      // A second plane's rows, where there are two, follow the first's: one product takes both.
      let planeRows = 0..<model.softmaxPlanes * rows.count
      let probabilities = scratch.probabilities.reshaped(columns: model.configuration.tokens, isWide: false)
        .rows(planeRows)
      kernels.softmax(scores, into: probabilities, sums: scratch.rowSums)
      observer.finish(.attnSoftmax)
      let weighted = scratch.weightedSums.rows(planeRows)
      kernels.sumProducts(probabilities, with: arena.values(head).matrix(shift: 0), into: weighted)
      observer.finish(.attnValues)
      kernels.combine(
        weighted, sums: scratch.rowSums, block.valueScales.dropFirst(channels.lowerBound),
        into: arena.attention.rows(rows).columns(channels))
      observer.finish(.attnCombine)
    }
    meet(after: .attnCombine)
  }

  /// residual += ffnDown(gelu(ffnUp(ln2(residual))))
  private func mlp(_ block: IntegerBlock) {
    let layers = block.layers
    let input = arena.input(of: layers.ffnUp)
    phase(.ln2) { tokens in
      kernels.normalize(
        arena.residual, rows: tokens, block.ln2, block.quantizers.ffnUp, through: scratch.normalized, into: input)
    }
    product(.ffnUp, layers.ffnUp)
    let hidden = arena.input(of: layers.ffnDown)
    phase(.ffnActivation) { tokens in
      switch model.configuration.activation {
      case .gelu:
        kernels.gelu(
          arena.hidden, rows: tokens, fractionBits: block.geluFractionBits, block.quantizers.ffnDown, into: hidden)
      }
    }
    product(.ffnDown, layers.ffnDown)
  }

  /// outputs = head(pool(finalNorm(residual))), and the final tokens where they are wanted.
  private func readOut(_ states: HiddenStates?) {
    let finalTokens = states?.finalTokens ?? arena.finalTokens
    phase(.finalNorm) { tokens in
      for token in tokens where token < finalTokens.rows {
        kernels.normalize(arena.residual, row: token, model.finalNorm, into: finalTokens, at: token)
      }
    }
    phase(.output) { _ in
      pool(finalTokens)
      if let layer = model.head ?? model.pooler { applyHead(layer) }
    }
  }
}

// MARK: - Phases

extension ForwardPass {
  /// A phase: this worker's share of it, and the meeting after it where there is one.
  @inline(__always)
  private func phase(_ phase: Phase, _ body: (Range<Int>) -> Void) {
    let share = share(of: phase)
    if !share.isEmpty { body(share) }
    observer.finish(phase)
    meet(after: phase)
  }

  private func share(of phase: Phase) -> Range<Int> {
    let (count, unit) = arena.plan.share(of: phase)
    return worker.share(of: count, unit: unit)
  }

  @inline(__always)
  private func meet(after phase: Phase) {
    guard arena.plan.meets(after: phase) else { return }
    worker.barrier()
    observer.met(after: phase)
  }

  /// A phase that is a linear layer's product: each worker takes some of the outputs, for all rows.
  func product(_ current: Phase, _ layer: LinearLayer) {
    phase(current) { outputs in multiply(current, layer, outputs) }
  }

  /// Some outputs of a linear layer.
  private func multiply(_ phase: Phase, _ layer: LinearLayer, _ outputs: Range<Int>) {
    let panels = layer.panels(outputs)
    let scratch = arena.scratch(of: layer, outputs)
    switch phase {
    case .patchEmbedding:
      kernels.multiply(arena.patches, by: panels, addingTo: arena.patchTokens.columns(outputs), scratch)
    case .attnQKV:
      kernels.multiply(arena.input(of: layer), by: panels, into: arena.qkv.columns(outputs), scratch)
    case .ffnUp:
      kernels.multiply(arena.input(of: layer), by: panels, into: arena.hidden.columns(outputs), scratch)
    default:
      kernels.multiply(arena.input(of: layer), by: panels, addingTo: arena.residual.columns(outputs), scratch)
    }
  }

  /// All linear layers that see every token, in order, on whatever the buffers hold; for measurements.
  func runProducts() {
    product(.patchEmbedding, model.patchEmbedding)
    for block in model.blocks {
      for phase in Phase.allCases {
        if case .layer(let layer) = phase.description.product { product(phase, block.layers[layer]) }
      }
    }
  }
}

// MARK: - Places

extension ForwardPass {
  private var scratch: WorkerScratch { arena.workers[worker.index] }

  private var noScratch: WideScratch { WideScratch(sums: scratch.scores.rows(0..<0), zeros: arena.zeros) }

  /// Tokens x head width.
  private func keys(_ head: Int) -> Matrix<Int16> { part(1, of: head) }
  private func values(_ head: Int) -> Matrix<Int16> { part(2, of: head) }

  private func part(_ part: Int, of head: Int) -> Matrix<Int16> {
    let first = part * model.configuration.width + head * model.configuration.headWidth
    return arena.qkv.columns(first..<first + model.configuration.headWidth)
  }

  /// The head and the query rows of a unit of work.
  private func queryBlock(_ unit: Int) -> (head: Int, rows: Range<Int>) {
    let blocks = arena.plan.queryBlocks
    let first = unit % blocks * ForwardPlan.queryRows
    return (unit / blocks, first..<min(first + ForwardPlan.queryRows, model.configuration.tokens))
  }

  /// Copies patches' pixels, channel by channel and row by row; pixels are exact, so every row's scale is 1.
  private func gather(_ patches: Range<Int>, of pixels: Vector<UInt8>) {
    let configuration = model.configuration
    let size = configuration.patchSize
    for patch in patches {
      let top = patch / configuration.gridWidth * size
      let left = patch % configuration.gridWidth * size
      for channel in 0..<configuration.channels {
        for row in 0..<size {
          let line = (channel * configuration.imageHeight + top + row) * configuration.imageWidth + left
          arena.patches.setExact(
            row: patch, column: (channel * size + row) * size, pixels.extracting(line..<line + size))
        }
      }
    }
  }
}
