import Int8Kernels

/// The int8 model's forward pass: from 8-bit pixels to integer logits without a floating-point number.
///
/// All workers run it together; between the barriers each does its share, and no result depends on how many they are.
@unsafe
struct ForwardPass<Observer: StageObserver> {
  let model: IntegerModel
  let arena: InferenceArena
  let kernels: Kernels
  let worker: Worker
  let stages: Observer

  private var scratch: WorkerScratch { unsafe arena.scratch[worker.index] }
  private var tokens: Int { unsafe model.configuration.tokens }
  private var width: Int { unsafe model.configuration.width }

  /// - Parameters:
  ///   - pixels: `channels x height x width`.
  ///   - hiddenStates: receives the residual stream entering block 0, ... leaving the last; nil when not wanted.
  func run(pixels: UnsafePointer<UInt8>, hiddenStates: UnsafeMutablePointer<Int32>?) {
    unsafe embedPatches(pixels)
    for index in unsafe model.blocks.indices {
      unsafe keepResidual(in: hiddenStates, at: index)
      unsafe attend(model.blocks[index])
      unsafe feedForward(model.blocks[index])
    }
    unsafe keepResidual(in: hiddenStates, at: model.blocks.count)
    if unsafe worker.index == 0 {
      unsafe readOut(normsAllTokens: model.normsAllTokens || hiddenStates != nil)
      unsafe stages.finish(.readout)
    }
  }

  /// Waits until all workers have come here.
  private func meet() {
    unsafe worker.barrier()
    unsafe stages.finish(.barrier)
  }

  /// Residual stream = positions (with the prefix tokens) + patch embedding.
  private func embedPatches(_ pixels: UnsafePointer<UInt8>) {
    let configuration = unsafe model.configuration
    for token in unsafe worker.share(of: tokens) {
      unsafe (arena.residual + token * width).update(from: model.positions + token * width, count: width)
    }
    for patch in unsafe worker.share(of: configuration.patches) {
      unsafe gatherPatch(patch, of: pixels, configuration)
    }
    unsafe stages.finish(.patchEmbedding)
    unsafe meet()
    let columns = unsafe worker.share(of: width, unit: WeightLayout.panelColumns)
    unsafe addProduct(
      arena.patches, low: nil, rows: configuration.patches, model.patchEmbedding, columns: columns,
      to: arena.residual + configuration.prefixTokens * width)
    unsafe stages.finish(.patchEmbedding)
    unsafe meet()
  }

  /// Copies one patch's pixels, channel by channel and row by row; pixels are exact, so every row's scale is 1.
  private func gatherPatch(_ patch: Int, of pixels: UnsafePointer<UInt8>, _ configuration: ModelConfiguration) {
    let size = configuration.patchSize
    let top = patch / configuration.gridWidth * size
    let left = patch % configuration.gridWidth * size
    var out = unsafe arena.patches.values + patch * arena.patches.stride
    for channel in 0..<configuration.channels {
      for row in 0..<size {
        let line = (channel * configuration.imageHeight + top + row) * configuration.imageWidth + left
        unsafe out.update(from: pixels + line, count: size)
        unsafe out += size
      }
    }
    unsafe arena.patches.multiplier[patch] = 1
    unsafe arena.patches.zeroPoint[patch] = 0
  }

  /// `x += projection(attention(norm1(x)))`
  private func attend(_ block: IntegerBlock) {
    unsafe normalize(block.norm1, block.norm1Quantizer, for: block.qkv)
    let qkvColumns = unsafe worker.share(of: 3 * width, unit: WeightLayout.panelColumns)
    unsafe multiply(arena.rows, block.qkv, columns: qkvColumns, into: arena.qkv)
    unsafe stages.finish(.queriesKeysValues)
    unsafe meet()
    unsafe packKeysAndValues(block)
    unsafe stages.finish(.pack)
    unsafe meet()
    let blocksPerHead = unsafe (tokens + InferenceArena.queryRows - 1) / InferenceArena.queryRows
    for unit in unsafe worker.share(of: model.configuration.heads * blocksPerHead) {
      unsafe attendQueries(block, head: unit / blocksPerHead, first: unit % blocksPerHead * InferenceArena.queryRows)
    }
    unsafe meet()
    for token in unsafe worker.share(of: tokens) {
      unsafe quantize(arena.attention + token * width, block.attentionQuantizer, at: token, for: block.projection)
    }
    unsafe stages.finish(.combine)
    unsafe meet()
    let columns = unsafe worker.share(of: width, unit: WeightLayout.panelColumns)
    unsafe addProduct(
      arena.rows, low: arena.lowRows, rows: tokens, block.projection, columns: columns, to: arena.residual)
    unsafe stages.finish(.projection)
    unsafe meet()
  }

  /// Every head's keys and values as packed weights, the keys with a scale for each token.
  private func packKeysAndValues(_ block: IntegerBlock) {
    let headWidth = unsafe model.configuration.headWidth
    let stride = unsafe 3 * width
    for head in unsafe worker.share(of: model.configuration.heads) {
      let keys = unsafe arena.qkv + width + head * headWidth
      let scales = unsafe head * arena.paddedTokens
      unsafe kernels.packKeys(
        keys, stride: stride, tokens: tokens, count: headWidth, block.keyQuantizers[head],
        into: arena.keys + head * arena.keyBytes, multipliers: arena.keyMultipliers + scales,
        sums: arena.keySums + scales)
      unsafe kernels.packValues(
        keys + width, stride: stride, tokens: tokens, channels: headWidth, into: arena.values + head * arena.valueBytes)
    }
  }

  /// Scores, softmax and weighted values for a block of one head's queries.
  private func attendQueries(_ block: IntegerBlock, head: Int, first: Int) {
    let scratch = unsafe scratch
    let headWidth = unsafe model.configuration.headWidth
    let count = unsafe min(InferenceArena.queryRows, tokens - first)
    let channel = head * headWidth
    unsafe kernels.quantizeQueries(
      arena.qkv + first * 3 * width + channel, stride: 3 * width, tokens: count, count: headWidth,
      block.queryQuantizers[head], into: scratch.queries)
    let scales = unsafe head * arena.paddedTokens
    let keys = unsafe PackedLinear(
      weights: arena.keys + head * arena.keyBytes, multiplier: arena.keyMultipliers + scales,
      columnSum: arena.keySums + scales, bias: arena.zeros, outputs: tokens, inputs: headWidth, shift: block.scoreShift)
    unsafe kernels.multiply(
      scratch.queries, rows: count, keys, columns: 0..<tokens, into: .int32(scratch.scores, stride: arena.paddedTokens))
    unsafe stages.finish(.scores)

    // The second plane's rows, where there are two, follow the first's: one product takes both.
    let planes = unsafe model.softmaxPlanes
    let probabilities = unsafe scratch.probabilities
    for row in 0..<count {
      let high = unsafe probabilities.values + row * probabilities.stride
      unsafe scratch.rowSums[row] = kernels.softmax(
        scratch.scores + row * arena.paddedTokens, count: tokens, high: high,
        low: planes == 2 ? high + count * probabilities.stride : nil)
    }
    unsafe stages.finish(.softmax)

    let values = unsafe PackedLinear(
      weights: arena.values + head * arena.valueBytes, multiplier: arena.zeros, columnSum: arena.zeros,
      bias: arena.zeros, outputs: headWidth, inputs: tokens, shift: 0)
    unsafe kernels.multiply(
      probabilities, rows: planes * count, values, columns: 0..<headWidth,
      into: .sums(scratch.weightedSums, stride: headWidth))
    unsafe stages.finish(.weightedValues)
    for row in 0..<count {
      let high = unsafe scratch.weightedSums + row * headWidth
      unsafe kernels.combine(
        high: high, low: planes == 2 ? high + count * headWidth : nil,
        count: headWidth, sum: scratch.rowSums[row], columnMultiplier: block.valueMultiplier + channel,
        shift: block.valueShift, into: arena.attention + (first + row) * width + channel)
    }
    unsafe stages.finish(.combine)
  }

  /// `x += fc2(gelu(fc1(norm2(x))))`
  private func feedForward(_ block: IntegerBlock) {
    unsafe normalize(block.norm2, block.norm2Quantizer, for: block.fc1)
    let mlpWidth = unsafe model.configuration.mlpWidth
    let hiddenColumns = unsafe worker.share(of: mlpWidth, unit: WeightLayout.panelColumns)
    unsafe multiply(arena.rows, block.fc1, columns: hiddenColumns, into: arena.hidden)
    unsafe stages.finish(.fc1)
    unsafe meet()
    for token in unsafe worker.share(of: tokens) {
      let row = unsafe arena.hidden + token * mlpWidth
      let range = unsafe kernels.gelu(row, count: mlpWidth, fractionBits: block.geluFractionBits)
      if unsafe block.fc2.low == nil {
        unsafe kernels.quantize(
          row, count: mlpWidth, block.geluQuantizer, range: range, into: arena.hiddenRows, at: token)
      } else {
        unsafe kernels.quantizeWide(
          row, count: mlpWidth, block.geluQuantizer, range: range, high: arena.hiddenRows, low: arena.lowHiddenRows,
          at: token)
      }
    }
    unsafe stages.finish(.gelu)
    unsafe meet()
    let columns = unsafe worker.share(of: width, unit: WeightLayout.panelColumns)
    unsafe addProduct(
      arena.hiddenRows, low: arena.lowHiddenRows, rows: tokens, block.fc2, columns: columns, to: arena.residual)
    unsafe stages.finish(.fc2)
    unsafe meet()
  }

  /// LayerNorm of the residual stream into quantized rows.
  private func normalize(_ norm: IntegerNorm, _ quantizer: ActivationQuantizer, for layer: PackedLinear) {
    let normalized = unsafe scratch.normalized
    let share = unsafe worker.share(of: tokens)
    for first in stride(from: share.lowerBound, to: share.upperBound, by: Kernels.normalizedRows) {
      let count = min(Kernels.normalizedRows, share.upperBound - first)
      unsafe kernels.normalize(arena.residual + first * width, count: count, norm, into: normalized)
      for row in 0..<count {
        unsafe quantize(normalized + row * width, quantizer, at: first + row, for: layer)
      }
    }
    unsafe stages.finish(.norm)
    unsafe meet()
  }

  /// One row of activations, as the layer that reads it wants them.
  private func quantize(
    _ row: UnsafePointer<Int16>, _ quantizer: ActivationQuantizer, at token: Int, for layer: PackedLinear
  ) {
    if unsafe layer.low == nil {
      unsafe kernels.quantize(row, count: width, quantizer, into: arena.rows, at: token)
    } else {
      unsafe kernels.quantizeWide(row, count: width, quantizer, high: arena.rows, low: arena.lowRows, at: token)
    }
  }

  /// All tokens through a layer, saturated to int16.
  private func multiply(
    _ x: QuantizedRows, _ layer: PackedLinear, columns: Range<Int>, into out: UnsafeMutablePointer<Int16>
  ) {
    guard let plane = unsafe layer.low else {
      unsafe kernels.multiply(x, rows: tokens, layer, columns: columns, into: .int16(out, stride: layer.outputs))
      return
    }
    let outputs = unsafe layer.outputs
    unsafe kernels.multiplyWide(
      x, low: arena.lowRows, rows: tokens, layer, plane, columns: columns, into: arena.wideSums, stride: outputs,
      isFirst: true, zeros: arena.zeros)
    for token in unsafe 0..<tokens {
      let first = token * outputs + columns.lowerBound
      unsafe kernels.narrow(arena.wideSums + first, count: columns.count, into: out + first)
    }
  }

  /// Rows through a layer, added to the residual stream.
  private func addProduct(
    _ x: QuantizedRows, low: QuantizedRows?, rows: Int, _ layer: PackedLinear, columns: Range<Int>,
    to out: UnsafeMutablePointer<Int32>
  ) {
    if let plane = unsafe layer.low {
      unsafe kernels.multiplyWide(
        x, low: low, rows: rows, layer, plane, columns: columns, into: out, stride: width, isFirst: false,
        zeros: arena.zeros)
    } else {
      unsafe kernels.multiply(x, rows: rows, layer, columns: columns, into: .accumulate(out, stride: width))
    }
  }

  private func keepResidual(in states: UnsafeMutablePointer<Int32>?, at index: Int) {
    guard let states = unsafe states else { return }
    for token in unsafe worker.share(of: tokens) {
      let state = unsafe states + (index * tokens + token) * width
      unsafe state.update(from: arena.residual + token * width, count: width)
    }
    unsafe meet()
  }
}
