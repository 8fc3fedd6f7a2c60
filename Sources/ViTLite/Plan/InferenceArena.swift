import Int8Kernels

/// The memory of one inference, in one piece, and views of its buffers where the plan places them.
@safe
final class InferenceArena: @unchecked Sendable {
  let plan: ForwardPlan
  private let memory: UnsafeMutableRawBufferPointer
  /// Whether this object frees the memory.
  private let isOwned: Bool

  /// Tokens x width.
  let residual: Matrix<Int32>
  /// The rows of the residual stream that belong to patches: patches x width.
  let patchTokens: Matrix<Int32>
  /// Rows x (channels, patch rows, patch columns).
  private let patches: QuantizedRows
  /// Rows x 3 width, or rows x width where queries, keys and values take turns. Rows are the plan's, all tokens or
  /// some.
  let qkv: Matrix<Int16>
  /// Rows x width; in a lean plan the place of the queries, each head's results where its queries were.
  let attention: Matrix<Int16>
  /// Rows x MLP width.
  let hidden: Matrix<Int16>
  /// Tokens x width; no rows where not all tokens are normed.
  let finalTokens: Matrix<Int32>
  /// A mean of tokens, and a row after the final norm: 2 x width.
  let readoutRows: Matrix<Int32>
  /// 1 x (segments x width).
  let headInput: Matrix<Int16>
  /// 1 x the outputs of the head or the pooler.
  let outputs: Matrix<Int32>
  let workers: [WorkerScratch]
  private let activations: QuantizedRows
  private let hiddenActivations: QuantizedRows
  private let headActivations: QuantizedRows
  private let keys: [PackedKeys]
  private let values: [PackedValues]

  // What can fail is no part of the initializer: where one of a class throws, Swift 6.3 in Embedded mode, compiling for size,
  // gives no object on RISC-V.

  /// Memory for an arena of its own.
  ///
  /// - Throws: when the process cannot have so much memory; none has been taken then.
  @unsafe
  static func allocate(_ plan: ForwardPlan) throws(InferenceError) -> UnsafeMutableRawBufferPointer {
    let size = plan.memory.byteCount
    #if hasFeature(Embedded)
      return .allocate(byteCount: size, alignment: MemoryPlan.alignment)
    #else
      try plan.checkMemory()
      let allocated = unsafe MemoryCapacity.allocate(byteCount: size, alignment: MemoryPlan.alignment)
      guard let memory = unsafe allocated else { throw .memory(needed: size, available: MemoryCapacity.bytes) }
      return unsafe memory
    #endif
  }

  /// The part of a caller's memory that an arena takes.
  @unsafe
  static func part(
    of memory: UnsafeMutableRawBufferPointer, for plan: ForwardPlan
  ) throws(InferenceError) -> UnsafeMutableRawBufferPointer {
    let size = plan.memory.byteCount
    guard memory.count >= size else {
      throw .arenaBytes(found: memory.count, expected: size)
    }
    let remainder = Int(UInt(bitPattern: memory.baseAddress) % UInt(MemoryPlan.alignment))
    guard remainder == 0 else { throw .arenaAlignment(found: remainder, expected: MemoryPlan.alignment) }
    return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<size])
  }

  /// - Parameters:
  ///   - memory: of the plan's size and alignment.
  ///   - isOwned: whether it goes with this object. Otherwise the caller lends it for as long as this object lives.
  @unsafe
  init(_ plan: ForwardPlan, _ memory: UnsafeMutableRawBufferPointer, isOwned: Bool) {
    self.plan = plan
    self.isOwned = isOwned
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    unsafe self.memory = unsafe memory
    let place = unsafe Placement(plan: plan, memory: memory)
    let configuration = plan.outline.configuration
    residual = place.matrix(.residual)
    patchTokens = residual.rows(configuration.prefixTokens..<configuration.tokens)
    patches = place.activations(.patches)
    activations = place.activations(.activations)
    qkv = place.matrix(.qkv)
    attention = plan.kind == .lean ? qkv.columns(0..<configuration.width) : place.matrix(.attention)
    hidden = place.matrix(.hidden)
    hiddenActivations = place.activations(.hiddenActivations)
    finalTokens = place.matrix(.finalTokens)
    readoutRows = place.matrix(.readoutRows)
    headInput = place.matrix(.headInput)
    headActivations = place.activations(.headActivations)
    outputs = place.matrix(.outputs)
    let (tokens, headWidth) = (configuration.tokens, configuration.headWidth)
    keys = (0..<configuration.heads).map { place.keys(head: $0, tokens: tokens, headWidth: headWidth) }
    values = (0..<configuration.heads).map { place.values(head: $0, tokens: tokens, headWidth: headWidth) }
    workers = (0..<plan.workers).map { place.scratch(worker: $0) }
  }

  deinit {
    guard isOwned else { return }
    #if hasFeature(Embedded)
      unsafe memory.deallocate()
    #else
      unsafe MemoryCapacity.deallocate(memory)
    #endif
  }

  /// Where some rows of patches go, in the precision that the patch embedding reads.
  func patches(_ count: Int) -> QuantizedRows { patches.rows(0..<count) }

  /// Where the input of a layer of a block goes, in the precision that the layer reads.
  func input(of layer: LinearLayer) -> QuantizedRows {
    let rows = layer.name.readsHiddenLayer ? hiddenActivations : activations
    return rows.reshaped(columns: layer.inputs, isWide: layer.isWide)
  }

  /// Where the input of the head or the pooler goes.
  func headInput(of layer: LinearLayer) -> QuantizedRows {
    headActivations.reshaped(columns: layer.inputs, isWide: layer.isWide)
  }

  func keys(_ head: Int) -> PackedKeys { keys[head] }
  func values(_ head: Int) -> PackedValues { values[head] }

  /// Overwrites all memory that no buffer needs in some stages; for tests of the lifetimes.
  func overwriteUnused(inStages stages: [Int], with byte: UInt8) {
    var isUsed = [Bool](repeating: false, count: plan.memory.byteCount)
    for buffer in plan.memory.buffers where stages.contains(where: { buffer.lifetime.contains($0) }) {
      for index in buffer.offset..<buffer.offset + buffer.byteCount { isUsed[index] = true }
    }
    for index in isUsed.indices where !isUsed[index] { unsafe memory[index] = byte }
  }
}

/// The buffers of one worker.
struct WorkerScratch: Sendable {
  /// Some normalised rows: `Kernels.normalizedRows` x width.
  let normalized: Matrix<Int16>
  /// A block of one head's queries: query rows x head width.
  let queries: QuantizedRows
  /// Query rows x padded tokens.
  let scores: Matrix<Int32>
  /// The softmax: query rows x padded tokens for each of its planes; the scales are not used.
  let probabilities: QuantizedRows
  /// Weighted sums of values: query rows x head width for each plane.
  let weightedSums: Matrix<Int32>
  /// Sum of each query's probabilities: 1 x query rows.
  let rowSums: Matrix<Int32>
}

/// Binds the arena's memory to types and makes views of it. No other code does.
@safe
private struct Placement {
  let plan: ForwardPlan
  private let memory: UnsafeMutableRawBufferPointer

  @unsafe
  init(plan: ForwardPlan, memory: UnsafeMutableRawBufferPointer) {
    self.plan = plan
    unsafe self.memory = memory
  }

  /// A part of a buffer, bound to its type.
  @unsafe
  private func pointer<Element>(
    _ buffer: Buffer, worker: Int = 0, byteOffset: Int = 0, count: Int
  ) -> UnsafeMutablePointer<Element> {
    let size = MemoryPlan.aligned(plan.shape(of: buffer).byteCount)
    let offset = plan.offset(of: buffer) + worker * size + byteOffset
    precondition(
      offset + count * MemoryLayout<Element>.stride <= plan.memory.byteCount, "a buffer within the arena")
    // The arena is never empty.
    let base = unsafe memory.baseAddress.unsafelyUnwrapped + offset
    return unsafe base.bindMemory(to: Element.self, capacity: count)
  }

  func matrix<Element: BitwiseCopyable>(_ buffer: Buffer, worker: Int = 0) -> Matrix<Element> {
    let shape = plan.shape(of: buffer)
    return unsafe Matrix(
      base: pointer(buffer, worker: worker, count: shape.rows * shape.columns), rows: shape.rows,
      columns: shape.columns)
  }

  func activations(_ buffer: Buffer, worker: Int = 0) -> QuantizedRows {
    let shape = plan.shape(of: buffer)
    let levels: UnsafeMutablePointer<UInt8> = unsafe pointer(buffer, worker: worker, count: shape.rows * shape.rowBytes)
    let scales = shape.elementBytes
    return unsafe QuantizedRows(
      levels: levels, isWide: shape.elementSize == 2,
      multiplier: pointer(buffer, worker: worker, byteOffset: scales, count: shape.rows),
      zeroPoint: pointer(buffer, worker: worker, byteOffset: scales + shape.scaleBytes, count: shape.rows),
      rows: shape.rows, columns: shape.columns, stride: shape.rowBytes / shape.elementSize)
  }

  func zeros() -> Vector<Int32> {
    let count = plan.shape(of: .zeros).columns
    return unsafe Vector(base: UnsafePointer(pointer(.zeros, count: count)), count: count)
  }

  func keys(head: Int, tokens: Int, headWidth: Int) -> PackedKeys {
    let (panels, scales) = (plan.shape(of: .keys), plan.shape(of: .keyScales))
    let row = 4 * scales.columns
    let bytes: UnsafeMutablePointer<UInt8> = unsafe pointer(
      .keys, byteOffset: head * panels.columns, count: panels.columns)
    return unsafe PackedKeys(
      panels: bytes, isWide: plan.outline.wideAttentions > 0,
      multiplier: pointer(.keyScales, byteOffset: 2 * head * row, count: scales.columns),
      columnSum: pointer(.keyScales, byteOffset: (2 * head + 1) * row, count: scales.columns), zeros: zeros(),
      tokens: tokens, headWidth: headWidth)
  }

  func values(head: Int, tokens: Int, headWidth: Int) -> PackedValues {
    let panels = plan.shape(of: .values)
    return unsafe PackedValues(
      panels: pointer(.values, byteOffset: head * panels.columns, count: panels.columns),
      isWide: plan.outline.wideAttentions > 0, zeros: zeros(), headWidth: headWidth, tokens: tokens)
  }

  func scratch(worker: Int) -> WorkerScratch {
    WorkerScratch(
      normalized: matrix(.normalized, worker: worker), queries: activations(.queries, worker: worker),
      scores: matrix(.scores, worker: worker), probabilities: activations(.probabilities, worker: worker),
      weightedSums: matrix(.weightedSums, worker: worker), rowSums: matrix(.rowSums, worker: worker))
  }
}
