import Int8Kernels

/// The buffers of one inference in one allocation, placed by a `MemoryPlan`.
@safe
final class InferenceArena {
  /// What the forward pass does, in order; lifetimes are given in these.
  fileprivate enum Stage {
    static let patches = 0
    static let qkv = 1
    static let attention = 2
    static let projection = 3
    static let fc1 = 4
    static let gelu = 5
    static let fc2 = 6
    static let readout = 7
  }

  /// Query rows that a worker takes through attention at a time.
  static let queryRows = 32

  let plan: MemoryPlan
  private let memory: UnsafeMutableRawBufferPointer

  /// `tokens x width` int32: the residual stream.
  let residual: UnsafeMutablePointer<Int32>
  /// Flattened patches, `patches x patchStride` uint8.
  let patches: QuantizedRows
  /// Activations of width `width`, one row a token.
  let rows: QuantizedRows
  /// Queries, keys and values, `tokens x 3 width` int16.
  let qkv: UnsafeMutablePointer<Int16>
  /// All heads' keys, packed; `keyBytes` for each head.
  let keys: UnsafeMutablePointer<Int8>
  let keyBytes: Int
  /// For each head, padded to whole panels of tokens.
  let keyMultipliers: UnsafeMutablePointer<Int32>
  let keySums: UnsafeMutablePointer<Int32>
  let paddedTokens: Int
  /// All heads' values, packed; `valueBytes` for each head.
  let values: UnsafeMutablePointer<Int8>
  let valueBytes: Int
  /// `tokens x width` int16
  let attention: UnsafeMutablePointer<Int16>
  /// The MLP's hidden layer, `tokens x mlpWidth` int16.
  let hidden: UnsafeMutablePointer<Int16>
  let hiddenRows: QuantizedRows
  /// The final norm's output, int32: one row for each token, and one for the pooled vector.
  let final: UnsafeMutablePointer<Int32>
  /// The vector that the head reads.
  let headInput: UnsafeMutablePointer<Int16>
  let headRow: QuantizedRows
  /// Logits or the pooler's output.
  let outputs: UnsafeMutablePointer<Int32>
  /// Low planes and int32 sums of wide layers; empty in a model without.
  let lowRows: QuantizedRows
  let lowHiddenRows: QuantizedRows
  let lowHeadRow: QuantizedRows
  let wideSums: UnsafeMutablePointer<Int32>
  /// A constant operand: for each token, or each output of a wide layer.
  let zeros: UnsafeMutablePointer<Int32>
  /// One for each worker.
  let scratch: [WorkerScratch]

  init(_ model: IntegerModel, workers: Int) {
    let configuration = model.configuration
    let tokens = configuration.tokens
    let width = configuration.width
    let headWidth = configuration.headWidth
    let segments = model.readout.segments
    var layout = Layout()

    let residual = layout.add("residual stream", tokens * width * 4, Stage.patches...Stage.readout)
    let patchRows = layout.rows(
      "patches", configuration.patches, configuration.patchInputs, Stage.patches...Stage.patches)
    let rows = layout.rows("activations", tokens, width, Stage.qkv...Stage.fc1)
    let qkv = layout.add("queries, keys, values", tokens * 3 * width * 2, Stage.qkv...Stage.attention)
    let paddedTokens = WeightLayout.paddedOutputs(tokens)
    self.paddedTokens = paddedTokens
    keyBytes = WeightLayout.byteCount(outputs: tokens, inputs: headWidth)
    valueBytes = WeightLayout.byteCount(outputs: headWidth, inputs: tokens)
    let heads = configuration.heads
    let keys = layout.add("packed keys", heads * keyBytes, Stage.attention...Stage.attention)
    let keyMultipliers = layout.add("key scales", heads * paddedTokens * 4, Stage.attention...Stage.attention)
    let keySums = layout.add("key sums", heads * paddedTokens * 4, Stage.attention...Stage.attention)
    let values = layout.add("packed values", heads * valueBytes, Stage.attention...Stage.attention)
    let attention = layout.add("attention output", tokens * width * 2, Stage.attention...Stage.projection)
    let hidden = layout.add("hidden layer", tokens * configuration.mlpWidth * 2, Stage.fc1...Stage.gelu)
    let hiddenRows = layout.rows(
      "hidden activations", tokens, configuration.mlpWidth, Stage.gelu...Stage.fc2)
    let final = layout.add("final tokens", (tokens + 1) * width * 4, Stage.readout...Stage.readout)
    let headInput = layout.add("head input", segments * width * 2, Stage.readout...Stage.readout)
    let headRow = layout.rows("head activations", 1, segments * width, Stage.readout...Stage.readout)
    let outputCount = WeightLayout.paddedOutputs(max(configuration.classes, width))
    let outputs = layout.add("outputs", outputCount * 4, Stage.readout...Stage.readout)
    let wideTokens = model.hasWideBlocks ? tokens : 0
    let lowRows = layout.rows("activations, low plane", wideTokens, width, Stage.qkv...Stage.fc1)
    let lowHiddenRows = layout.rows(
      "hidden activations, low plane", wideTokens, configuration.mlpWidth, Stage.gelu...Stage.fc2)
    let lowHeadRow = layout.rows("head activations, low plane", 1, segments * width, Stage.readout...Stage.readout)
    let wideSums = layout.add(
      "sums of wide layers", wideTokens * max(3 * width, configuration.mlpWidth) * 4, Stage.qkv...Stage.fc1)
    let zeroCount = max(
      paddedTokens, WeightLayout.paddedOutputs(max(3 * width, configuration.mlpWidth, configuration.classes)))
    let zeros = layout.add("zeros", zeroCount * 4, Stage.patches...Stage.readout)
    let scratch = (0..<workers).map {
      layout.scratch(worker: $0, configuration, paddedTokens: paddedTokens, planes: model.softmaxPlanes)
    }

    let plan = MemoryPlan(layout.buffers)
    self.plan = plan
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: plan.byteCount, alignment: MemoryPlan.alignment)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    unsafe self.memory = unsafe memory
    let place = unsafe Placement(plan: plan, memory: memory)
    unsafe self.residual = place.pointer(residual)
    unsafe self.patches = place.rows(patchRows)
    unsafe self.rows = place.rows(rows)
    unsafe self.qkv = place.pointer(qkv)
    unsafe self.keys = place.pointer(keys)
    unsafe self.keyMultipliers = place.pointer(keyMultipliers)
    unsafe self.keySums = place.pointer(keySums)
    unsafe self.values = place.pointer(values)
    unsafe self.attention = place.pointer(attention)
    unsafe self.hidden = place.pointer(hidden)
    unsafe self.hiddenRows = place.rows(hiddenRows)
    unsafe self.final = place.pointer(final)
    unsafe self.headInput = place.pointer(headInput)
    unsafe self.headRow = place.rows(headRow)
    unsafe self.outputs = place.pointer(outputs)
    unsafe self.lowRows = place.rows(lowRows)
    unsafe self.lowHiddenRows = place.rows(lowHiddenRows)
    unsafe self.lowHeadRow = place.rows(lowHeadRow)
    unsafe self.wideSums = place.pointer(wideSums)
    unsafe self.zeros = place.pointer(zeros)
    unsafe self.scratch = scratch.map { unsafe WorkerScratch($0, place) }
  }

  deinit { unsafe memory.deallocate() }

  /// The row of `final` that no token has.
  func pooled(_ model: IntegerModel) -> UnsafeMutablePointer<Int32> {
    unsafe final + model.configuration.tokens * model.configuration.width
  }
}

/// What one worker needs for itself.
@unsafe
struct WorkerScratch {
  /// Some normalised rows, int16.
  let normalized: UnsafeMutablePointer<Int16>
  /// A block of one head's queries.
  let queries: QuantizedRows
  /// `queryRows x paddedTokens` int32
  let scores: UnsafeMutablePointer<Int32>
  /// The softmax, `queryRows x paddedTokens` for each of its planes; the scales are not used.
  let probabilities: QuantizedRows
  /// Weighted sums of values, `queryRows x head width` int32 for each plane.
  let weightedSums: UnsafeMutablePointer<Int32>
  /// Sum of each query's softmax row.
  let rowSums: UnsafeMutablePointer<Int32>

  fileprivate init(_ layout: ScratchLayout, _ place: Placement) {
    unsafe normalized = place.pointer(layout.normalized)
    unsafe queries = place.rows(layout.queries)
    unsafe scores = place.pointer(layout.scores)
    unsafe probabilities = place.rows(layout.probabilities)
    unsafe weightedSums = place.pointer(layout.weightedSums)
    unsafe rowSums = place.pointer(layout.rowSums)
  }
}

/// Indices of a buffer of rows and of its scales.
private struct RowsLayout {
  var values: Int
  var stride: Int
  var multiplier: Int
  var zeroPoint: Int
}

private struct ScratchLayout {
  var normalized: Int
  var queries: RowsLayout
  var scores: Int
  var probabilities: RowsLayout
  var weightedSums: Int
  var rowSums: Int
}

/// Collects the buffers; each is known by its index until they are placed.
private struct Layout {
  var buffers: [MemoryPlan.Buffer] = []

  mutating func add(_ name: String, _ byteCount: Int, _ lifetime: ClosedRange<Int>) -> Int {
    buffers.append(MemoryPlan.Buffer(name: name, byteCount: byteCount, lifetime: lifetime))
    return buffers.count - 1
  }

  mutating func rows(_ name: String, _ count: Int, _ columns: Int, _ lifetime: ClosedRange<Int>) -> RowsLayout {
    let stride = MemoryPlan.aligned(columns)
    return RowsLayout(
      values: add(name, count * stride, lifetime), stride: stride,
      multiplier: add("\(name): scales", count * 4, lifetime),
      zeroPoint: add("\(name): zero points", count * 4, lifetime))
  }

  mutating func scratch(
    worker: Int, _ configuration: ModelConfiguration, paddedTokens: Int, planes: Int
  ) -> ScratchLayout {
    let name = "worker \(worker)"
    let count = InferenceArena.queryRows
    let headWidth = configuration.headWidth
    let lifetime = InferenceArena.Stage.attention...InferenceArena.Stage.attention
    return ScratchLayout(
      normalized: add(
        "\(name): normalised rows", Kernels.normalizedRows * configuration.width * 2,
        InferenceArena.Stage.qkv...InferenceArena.Stage.readout),
      queries: rows("\(name): queries", count, headWidth, lifetime),
      scores: add("\(name): scores", count * paddedTokens * 4, lifetime),
      probabilities: rows("\(name): softmax", planes * count, paddedTokens, lifetime),
      weightedSums: add("\(name): weighted values", planes * count * headWidth * 4, lifetime),
      rowSums: add("\(name): softmax sums", count * 4, lifetime))
  }
}

/// Turns planned buffers into pointers.
@unsafe
private struct Placement {
  let plan: MemoryPlan
  let memory: UnsafeMutableRawBufferPointer

  func pointer<Element>(_ index: Int) -> UnsafeMutablePointer<Element> {
    let offset = unsafe plan.buffers[index].offset
    let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[offset...])
    // The arena is never empty, and every buffer lies within it.
    return unsafe bytes.assumingMemoryBound(to: Element.self).baseAddress.unsafelyUnwrapped
  }

  func rows(_ layout: RowsLayout) -> QuantizedRows {
    unsafe QuantizedRows(
      values: pointer(layout.values), stride: layout.stride, multiplier: pointer(layout.multiplier),
      zeroPoint: pointer(layout.zeroPoint))
  }
}
