import Int8Kernels

/// The int8 model's forward pass: from 8-bit pixels to integer logits without a floating-point number.
///
/// All workers run it together. The work of a phase is divided into pieces; each worker takes pieces until none is
/// left, and then waits until the others have finished theirs. The result does not depend on the number of workers. The
/// float reference has the same four functions in the same order.
///
/// Where the head reads the class token alone, the last block computes the keys and values of all tokens, and the rest
/// of that token alone.
struct ForwardPass<Observer: PhaseObserver> {
  let model: IntegerModel
  let arena: InferenceArena
  let kernels: Kernels
  let worker: Worker
  /// Where the model's weights do not stay in memory: what this worker reads them into.
  var window: WeightWindow?
  let observer: Observer

  /// - Parameters:
  ///   - pixels: channels x height x width.
  ///   - fractions: as many, what values have beyond their pixels, in 128ths; nil for none.
  ///   - states: receives the residual stream around every block and all final tokens; nil when not wanted.
  func run(pixels: Vector<UInt8>, fractions: Vector<UInt8>?, states: HiddenStates?) {
    let configuration = model.configuration
    embed(pixels, fractions)
    for (index, block) in model.blocks.prefix(configuration.depth).enumerated() {
      keepResidual(index, states)
      let rows = states == nil ? plan.outline.rows(afterBlock: index) : configuration.tokens
      attention(block, to: 0..<configuration.tokens, queries: rows)
      mlp(block, rows: rows)
    }
    keepResidual(configuration.depth, states)
    readOut(states)
  }

  /// residual (tokens x width) = positions with prefix tokens, plus patches (patches x inputs) times the embedding; then
  /// the norm before the blocks.
  private func embed(_ pixels: Vector<UInt8>, _ fractions: Vector<UInt8>?) {
    phase(.positions, over: model.configuration.tokens) { tokens in
      withRows(of: model.positions, tokens) { positions, tokens in
        arena.residual.rows(tokens).copyRows(0..<tokens.count, from: positions)
      }
    }
    plan.forEachRows(of: model.configuration.patches) { rows in
      let input = arena.patches(rows.count)
      phase(.patches, over: rows.count) { patches in
        gather(patches, from: rows.lowerBound, of: pixels, fractions, into: input)
      }
      product(.patchEmbedding, model.patchEmbedding, input, addingTo: arena.patchTokens.rows(rows))
    }
    phase(.preNorm, over: model.configuration.tokens) { tokens in
      if let stored = model.preNorm {
        let norm = window?.read(stored) ?? stored
        for token in tokens { kernels.normalize(arena.residual, row: token, norm, into: arena.residual, at: token) }
      }
      if let rotation = model.hadamard {
        for token in tokens { kernels.rotate(arena.residual, row: token, rotation) }
      }
    }
  }

  /// residual += projection(attention(ln1(residual))): first the keys and values of all tokens, then the queries of
  /// some tokens at a time, which need them all.
  ///
  /// - Parameters:
  ///   - tokens: whose keys and values are taken.
  ///   - queries: rows whose queries are taken, from the first on.
  ///   - adds: whether to add to the residual stream; otherwise its first rows become the output.
  private func attention(_ block: IntegerBlock, to tokens: Range<Int>, queries: Int, adds: Bool = true) {
    plan.forEachRows(of: tokens.count) { rows in
      let residual = arena.residual.rows(tokens.lowerBound + rows.lowerBound..<tokens.lowerBound + rows.upperBound)
      normalize(.ln1, residual, block.ln1, block.quantizers.attnQKV, for: block.layers.attnQKV)
      if plan.splitsQKV {
        project(.keys, block, rows)
        pack(.keys, block, rows, of: tokens.count)
        project(.values, block, rows)
        pack(.values, block, rows, of: tokens.count)
      } else {
        // Where attention pools, whoever looks at the pass may look at all queries.
        project(.all, block, rows, queries: adds ? queries : nil)
        pack(.all, block, rows, of: tokens.count)
      }
    }
    plan.forEachRows(of: queries) { rows in
      if plan.kind == .lean {
        normalize(.ln1, arena.residual.rows(rows), block.ln1, block.quantizers.attnQKV, for: block.layers.attnQKV)
        project(plan.splitsQKV ? .queries : .all, block, rows)
      }
      attend(block, rows, of: tokens.count)
      let output = arena.input(of: block.layers.attnOut).rows(0..<rows.count)
      phase(.attnQuantize, over: rows.count) { tokens in
        if let norm = block.attentionNorm { kernels.normalize(arena.attention, rows: tokens, norm) }
        kernels.quantize(arena.attention, rows: tokens, block.quantizers.attnOut, into: output)
      }
      let residual = arena.residual.rows(rows)
      if adds {
        product(.attnOut, block.layers.attnOut, output, addingTo: residual)
      } else {
        product(.attnOut, block.layers.attnOut, output, into: residual)
      }
    }
  }

  /// attention (rows x width) = softmax(queries x keys) x values, for each head and block of query rows.
  ///
  /// - Parameter keys: of each head.
  private func attend(_ block: IntegerBlock, _ tokens: Range<Int>, of keys: Int) {
    work(.attnScores, over: tokens.count) { units in
      let valueScales = window?.read(block.valueScales) ?? block.valueScales
      for unit in units { attend(block, valueScales, from: tokens.lowerBound, tokens.count, of: keys, unit) }
    }
    finish(.attnCombine, work: .attnScores, over: tokens.count)
  }

  /// One head and block of query rows.
  private func attend(
    _ block: IntegerBlock, _ valueScales: ChannelScales, from first: Int, _ rowCount: Int, of keyCount: Int, _ unit: Int
  ) {
    let headWidth = model.configuration.headWidth
    let (head, rows) = queryBlock(unit, of: rowCount)
    let channels = head * headWidth..<(head + 1) * headWidth
    let queries = scratch.queries.reshaped(columns: headWidth, isWide: block.hasWideAttention).rows(0..<rows.count)
    let scores = scratch.scores.rows(0..<rows.count).columns(0..<keyCount)
    let heads = arena.qkv.rows(rows).columns(channels)
    transform(heads, block.queryNorm?.channels(channels), block.rotation, from: first + rows.lowerBound)
    kernels.quantizeQueries(heads, block.queryQuantizers[head], into: queries)
    let keys = arena.keys(head).sized(tokens: keyCount, isWide: block.hasWideAttention)
    kernels.multiply(queries, by: keys.matrix(shift: block.scoreShift), into: scores)
    observer.finish(.attnScores)
    // A second plane's rows, where there are two, follow the first's: one product takes both.
    let planeRows = 0..<(block.hasWideAttention ? 2 : model.softmaxPlanes) * rows.count
    let probabilities = scratch.probabilities.reshaped(columns: keyCount, isWide: false).rows(planeRows)
    kernels.softmax(scores, into: probabilities, sums: scratch.rowSums)
    observer.finish(.attnSoftmax)
    let weighted = scratch.weightedSums.rows(0..<planeRows.count + (block.hasWideAttention ? rows.count : 0))
    let values = arena.values(head).sized(tokens: keyCount, isWide: block.hasWideAttention)
    kernels.sumValues(probabilities, values, into: weighted)
    observer.finish(.attnValues)
    kernels.combine(
      weighted, sums: scratch.rowSums, valueScales.dropFirst(channels.lowerBound),
      into: arena.attention.rows(rows).columns(channels))
    observer.finish(.attnCombine)
  }

  /// residual += ffnDown(activation(ffnUp(ln2(residual)))), where a gate's activation is multiplied by the rest.
  ///
  /// - Parameter count: rows, from the first on.
  private func mlp(_ block: IntegerBlock, rows count: Int) {
    let layers = block.layers
    plan.forEachRows(of: count) { rows in
      normalize(.ln2, arena.residual.rows(rows), block.ln2, block.quantizers.ffnUp, for: layers.ffnUp)
      let input = arena.input(of: layers.ffnUp).rows(0..<rows.count)
      let hidden = arena.hidden.rows(0..<rows.count)
      product(.ffnUp, layers.ffnUp, input, into: hidden)
      let activations = arena.input(of: layers.ffnDown).rows(0..<rows.count)
      phase(.ffnActivation, over: rows.count) { tokens in
        let operation = window?.read(block.hidden) ?? block.hidden
        kernels.activate(hidden, rows: tokens, operation, block.quantizers.ffnDown, into: activations)
      }
      product(.ffnDown, layers.ffnDown, activations, addingTo: arena.residual.rows(rows))
    }
  }

  /// outputs = head(pool(finalNorm(residual))), and the final tokens where they are wanted.
  private func readOut(_ states: HiddenStates?) {
    let configuration = model.configuration
    let finalTokens = states?.finalTokens ?? arena.finalTokens
    let valid = states == nil ? plan.outline.rows(afterBlock: configuration.depth - 1) : configuration.tokens
    phase(.finalNorm, over: configuration.tokens) { tokens in
      if let rotation = model.hadamard {
        for token in tokens.clamped(to: 0..<valid) {
          kernels.rotate(arena.residual, row: token, rotation, isInverse: true)
        }
      }
      let kept = tokens.clamped(to: 0..<finalTokens.rows)
      if configuration.readout.normFollowsPooling {
        finalTokens.copyRows(kept, from: arena.residual)
      } else {
        let norm = window?.read(model.finalNorm) ?? model.finalNorm
        for token in kept {
          kernels.normalize(arena.residual, row: token, norm, into: finalTokens, at: token)
        }
      }
    }
    if configuration.readout.pooling == .attention, let block = model.blocks.last {
      attention(block, to: configuration.pooledTokens, queries: 1, adds: false)
      mlp(block, rows: 1)
    }
    phase(.output, over: 1) { _ in
      pool(finalTokens, window?.read(model.finalNorm) ?? model.finalNorm)
      if let layer = model.outputLayer { applyHead(layer) }
    }
  }
}

// MARK: - Phases

extension ForwardPass {
  /// A phase: this worker's pieces of it, and the wait until all of it is done.
  ///
  /// - Parameter count: of the tokens, patches or outputs that the phase goes over.
  @inline(__always)
  private func phase(_ phase: Phase, over count: Int, _ body: (Range<Int>) -> Void) {
    work(phase, over: count, body)
    observer.finish(phase)
    finish(phase, work: phase, over: count)
  }

  /// The pieces of a phase that this worker gets.
  @inline(__always)
  private func work(_ phase: Phase, over count: Int, _ body: (Range<Int>) -> Void) {
    let (count, unit) = plan.share(of: phase, over: count)
    worker.take(count, unit: unit, body)
  }

  /// Waits until a phase's work is done.
  ///
  /// - Parameter first: the first of the phases that were worked on together.
  @inline(__always)
  private func finish(_ phase: Phase, work first: Phase, over count: Int) {
    worker.finishPhase(plan.share(of: first, over: count).count)
    observer.met(after: phase)
  }

  /// Keeps the residual stream that enters a block or leaves the last, where it is wanted.
  private func keepResidual(_ index: Int, _ states: HiddenStates?) {
    guard let states else { return }
    worker.take(model.configuration.tokens, unit: 1) { tokens in
      states.keep(arena.residual, index, tokens)
      guard let rotation = model.hadamard else { return }
      let kept = states.residuals.rows(index * arena.residual.rows..<(index + 1) * arena.residual.rows)
      for token in tokens { kernels.rotate(kept, row: token, rotation, isInverse: true) }
    }
    worker.finishPhase(model.configuration.tokens)
  }

  /// LayerNorm of some tokens as the input (rows x width) of a layer.
  private func normalize(
    _ current: Phase, _ residual: Matrix<Int32>, _ norm: IntegerNorm, _ quantizer: ActivationQuantizer,
    for layer: LinearLayer
  ) {
    let input = arena.input(of: layer).rows(0..<residual.rows)
    phase(current, over: residual.rows) { tokens in
      let norm = window?.read(norm) ?? norm
      kernels.normalize(residual, rows: tokens, norm, quantizer, through: scratch.normalized, into: input)
    }
  }

  /// qkv (rows x 3 width, or x width) = normed tokens times some of the layer's outputs.
  ///
  /// - Parameter queries: how many rows' queries are needed of all three parts, from the first on; nil for all.
  private func project(_ part: QKVPart, _ block: IntegerBlock, _ rows: Range<Int>, queries: Int? = nil) {
    let layer = block.layers.attnQKV
    let (input, out) = (arena.input(of: layer).rows(0..<rows.count), arena.qkv.rows(0..<rows.count))
    let width = model.configuration.width
    guard let queries, queries < rows.count, width.isMultiple(of: WeightLayout.panelColumns) else {
      return product(.attnQKV, layer, from: first(of: part), input, into: out)
    }
    phase(.attnQKV, over: out.columns) { outputs in
      let (few, all) = (outputs.clamped(to: 0..<width), outputs.clamped(to: width..<out.columns))
      multiply(input.rows(0..<queries), by: layer, few, from: 0, into: out.rows(0..<queries))
      multiply(input, by: layer, all, from: 0, into: out)
    }
  }

  /// Keys and values of some tokens, packed for all heads' products.
  ///
  /// - Parameter count: of all tokens whose keys and values are packed.
  private func pack(_ part: QKVPart, _ block: IntegerBlock, _ rows: Range<Int>, of count: Int) {
    let headWidth = model.configuration.headWidth
    phase(.attnPack, over: rows.count) { heads in
      for head in heads {
        if part != .values {
          let keys = channels(of: .keys, head, among: part).rows(0..<rows.count)
          let norm = block.keyNorm?.channels(head * headWidth..<(head + 1) * headWidth)
          transform(keys, norm, block.rotation, from: rows.lowerBound)
          let packed = arena.keys(head).sized(tokens: count, isWide: block.hasWideAttention)
          kernels.packKeys(keys, block.keyQuantizers[head], into: packed, at: rows.lowerBound)
        }
        if part != .keys {
          let values = channels(of: .values, head, among: part).rows(0..<rows.count)
          let packed = arena.values(head).sized(tokens: count, isWide: block.hasWideAttention)
          kernels.packValues(values, into: packed, at: rows.lowerBound)
        }
      }
    }
  }

  /// The norm and the rotation of one head's queries or keys (rows x head width) in place, where the block has them.
  ///
  /// - Parameter first: the token that the first row is.
  private func transform(_ x: Matrix<Int16>, _ norm: IntegerNorm?, _ rotation: Rotation?, from first: Int) {
    if let norm { kernels.normalize(x, rows: 0..<x.rows, norm) }
    if let rotation { kernels.rotate(x, rotation, from: first - model.configuration.prefixTokens) }
  }

  /// A linear layer's product as int16: each worker takes some of the outputs, for all rows.
  ///
  /// - Parameter first: the output that the first column of `out` is.
  private func product(
    _ current: Phase, _ layer: LinearLayer, from first: Int = 0, _ input: QuantizedRows, into out: Matrix<Int16>
  ) {
    phase(current, over: out.columns) { outputs in multiply(input, by: layer, outputs, from: first, into: out) }
  }

  /// Some columns of a product as int16.
  private func multiply(
    _ input: QuantizedRows, by layer: LinearLayer, _ columns: Range<Int>, from first: Int, into out: Matrix<Int16>
  ) {
    guard !columns.isEmpty else { return }
    withPanels(of: layer, columns, from: first) { panels, columns in
      kernels.multiply(input, by: panels, into: out.columns(columns))
    }
  }

  /// A linear layer's product in place of what is there.
  private func product(_ current: Phase, _ layer: LinearLayer, _ input: QuantizedRows, into out: Matrix<Int32>) {
    phase(current, over: out.columns) { outputs in
      withPanels(of: layer, outputs) { panels, columns in
        kernels.multiply(input, by: panels, into: out.columns(columns))
      }
    }
  }

  /// A linear layer's product, added to what is there.
  private func product(
    _ current: Phase, _ layer: LinearLayer, _ input: QuantizedRows, addingTo out: Matrix<Int32>
  ) {
    phase(current, over: out.columns) { outputs in
      withPanels(of: layer, outputs) { panels, columns in
        kernels.multiply(input, by: panels, addingTo: out.columns(columns))
      }
    }
  }

  /// The weights of some outputs: all at once or, where they do not stay in memory, as many as fit.
  ///
  /// - Parameters:
  ///   - columns: of the product.
  ///   - first: the layer's output that the product's first column is.
  ///   - body: called with weights and the columns of the product that are theirs.
  @inline(__always)
  func withPanels(
    of layer: LinearLayer, _ columns: Range<Int>, from first: Int = 0,
    _ body: (PackedMatrix, Range<Int>) -> Void
  ) {
    guard let window else {
      body(layer.panels(first + columns.lowerBound..<first + columns.upperBound), columns)
      return
    }
    let size = window.outputsAtATime(layer)
    for low in stride(from: columns.lowerBound, to: columns.upperBound, by: size) {
      let part = low..<min(low + size, columns.upperBound)
      let panels = layer.panels(first + part.lowerBound..<first + part.upperBound)
      body(window.read(panels), part)
    }
  }

  /// Some rows of a matrix of the model: all at once or, where they do not stay in memory, as many as fit.
  private func withRows(of matrix: Matrix<Int32>, _ rows: Range<Int>, _ body: (Matrix<Int32>, Range<Int>) -> Void) {
    guard let window else { return body(matrix.rows(rows), rows) }
    let size = window.rowsAtATime(matrix)
    for low in stride(from: rows.lowerBound, to: rows.upperBound, by: size) {
      let part = low..<min(low + size, rows.upperBound)
      body(window.read(matrix.rows(part)), part)
    }
  }

  /// All linear layers that see every token, in order, on whatever the buffers hold; for measurements.
  func runProducts() {
    plan.forEachRows(of: model.configuration.patches) { rows in
      let input = arena.patches(rows.count)
      product(.patchEmbedding, model.patchEmbedding, input, addingTo: arena.patchTokens.rows(rows))
    }
    for (index, block) in model.blocks.prefix(model.configuration.depth).enumerated() {
      let queries = plan.outline.rows(afterBlock: index)
      plan.forEachRows(of: model.configuration.tokens) { rows in
        if plan.splitsQKV {
          project(.keys, block, rows)
          project(.values, block, rows)
        } else {
          project(.all, block, rows, queries: queries)
        }
      }
      plan.forEachRows(of: queries) { rows in runProducts(ofQueriesIn: block, rows) }
    }
  }

  private func runProducts(ofQueriesIn block: IntegerBlock, _ rows: Range<Int>) {
    if plan.splitsQKV { project(.queries, block, rows) }
    for (phase, layer) in [(Phase.attnOut, block.layers.attnOut), (.ffnDown, block.layers.ffnDown)] {
      product(phase, layer, arena.input(of: layer).rows(0..<rows.count), addingTo: arena.residual.rows(rows))
    }
    let input = arena.input(of: block.layers.ffnUp).rows(0..<rows.count)
    product(.ffnUp, block.layers.ffnUp, input, into: arena.hidden.rows(0..<rows.count))
  }
}

// MARK: - Queries, keys and values

/// Which outputs of the layer that makes queries, keys and values.
private enum QKVPart {
  case all
  case queries
  case keys
  case values
}

extension ForwardPass {
  /// The layer's first output of a part.
  private func first(of part: QKVPart) -> Int {
    switch part {
    case .all, .queries: 0
    case .keys: model.configuration.width
    case .values: 2 * model.configuration.width
    }
  }

  /// A head's channels (rows x head width) where `present` is what was projected last.
  private func channels(of part: QKVPart, _ head: Int, among present: QKVPart) -> Matrix<Int16> {
    let headWidth = model.configuration.headWidth
    let first = first(of: part) - first(of: present) + head * headWidth
    return arena.qkv.columns(first..<first + headWidth)
  }

  /// The head and the query rows of a unit of work.
  private func queryBlock(_ unit: Int, of count: Int) -> (head: Int, rows: Range<Int>) {
    let blocks = plan.queryBlocks(count)
    let first = unit % blocks * plan.queryRows
    return (unit / blocks, first..<min(first + plan.queryRows, count))
  }
}

// MARK: - Places

extension ForwardPass {
  var plan: ForwardPlan { arena.plan }

  private var scratch: WorkerScratch { arena.workers[worker.index] }

  /// Copies patches' pixels, channel by channel and row by row; pixels are exact, so every row's scale is 1.
  ///
  /// - Parameter first: the patch that the first row of the buffer is.
  private func gather(
    _ rows: Range<Int>, from first: Int, of pixels: Vector<UInt8>, _ fractions: Vector<UInt8>?, into out: QuantizedRows
  ) {
    let configuration = model.configuration
    let size = configuration.patchSize
    for index in rows {
      let patch = first + index
      let top = patch / configuration.gridWidth * size
      let left = patch % configuration.gridWidth * size
      for channel in 0..<configuration.channels {
        for row in 0..<size {
          let line = (channel * configuration.imageHeight + top + row) * configuration.imageWidth + left
          out.setPixels(
            row: index, column: (channel * size + row) * size, pixels.extracting(line..<line + size),
            fractions: fractions?.extracting(line..<line + size))
        }
      }
    }
  }
}
