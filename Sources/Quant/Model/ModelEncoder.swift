import Int8Kernels
import ViTLite

extension QuantizedModel {
  /// The model as a GGUF file: metadata, then every tensor as the kernels read it, each with a CRC-32.
  package func encoded() -> GGUFWriter {
    var encoder = ModelEncoder()
    encoder.describe(self)
    encoder.add(LayerName.patchEmbedding.description, patchEmbedding)
    encoder.add("position_embd", positions)
    if let preNorm { encoder.add(ModelKey.preNorm, preNorm) }
    if !rotation.isEmpty {
      let pairs = configuration.headWidth / 2
      encoder.writer.add(ModelKey.rotation, dimensions: [pairs, configuration.patches, 2], values: rotation)
    }
    if let hadamard { encoder.add(hadamard) }
    for (index, block) in blocks.enumerated() { encoder.add(block, index: index) }
    encoder.add(ModelKey.outputNorm, finalNorm)
    if let head { encoder.add(LayerName.output.description, head) }
    if let pooler { encoder.add(LayerName.pooler.description, pooler) }
    if let projection { encoder.add(LayerName.projection.description, projection) }
    encoder.writer.set(ModelKey.checksums, .uint32s(encoder.writer.tensorChecksums))
    encoder.writer.setHeaderChecksum(ModelKey.headerChecksum)
    return encoder.writer
  }

  /// Writes the model file; what was at the path stays whole until the new file is.
  ///
  /// The file takes its name only after the runtime's own reader has loaded it and found every checksum right, so that
  /// what calibration writes can be run. A path that is no regular file, such as a pipe, is written in place after the
  /// same check of the bytes.
  ///
  /// - Returns: the model, ready to run.
  /// - Throws: `file` when the system refuses something; any other error is the reader's, of a model that it would not
  ///   load, and nothing was written then.
  @discardableResult
  public func write(to path: String) throws(IntegerModelError) -> IntegerModel {
    let file: AtomicFile
    do throws(FileError) { file = try AtomicFile(path: path) } catch { throw .file(error) }
    let written = try write(to: file)
    let model = written.model
    try written.commit()
    return model
  }

  /// The same in two steps: the file is written and checked, but not yet in its place.
  package func write(to file: consuming AtomicFile) throws(IntegerModelError) -> WrittenModel {
    let encoded = encoded()
    guard !file.isInPlace else {
      return WrittenModel(model: try IntegerModel(encoded.serialized()), file: file, rest: encoded)
    }
    let mapped: MappedFile
    do throws(FileError) {
      try encoded.append(to: &file)
      mapped = try file.mapped()
    } catch { throw .file(error) }
    let model = try IntegerModel(mapping: mapped)
    try model.verify()
    return WrittenModel(model: model, file: file, rest: nil)
  }

  /// The bytes of the model file.
  package var bytes: [UInt8] { encoded().serialized() }
}

/// A model file that is complete and was loaded by the runtime's reader, but is not yet in its place.
package struct WrittenModel: ~Copyable {
  /// The model, ready to run.
  package let model: IntegerModel
  private var file: AtomicFile
  /// What is still to be written, where a file is written in place.
  private let rest: GGUFWriter?

  fileprivate init(model: IntegerModel, file: consuming AtomicFile, rest: GGUFWriter?) {
    self.model = model
    self.file = file
    self.rest = rest
  }

  /// Puts the file in its place.
  package consuming func commit() throws(IntegerModelError) {
    do throws(FileError) {
      try rest?.append(to: &file)
      try file.commit()
    } catch { throw .file(error) }
  }
}

/// Writes the parts of a model under their names.
private struct ModelEncoder {
  var writer = GGUFWriter(alignment: MemoryPlan.alignment)

  mutating func set(_ name: String, _ value: GGUFValue) { writer.set(ModelKey.metadata(name), value) }
  mutating func set(_ name: String, _ value: Int) { set(name, .uint32(UInt32(truncatingIfNeeded: value))) }

  mutating func describe(_ model: QuantizedModel) {
    let configuration = model.configuration
    writer.set("general.architecture", .string(ModelKey.architecture))
    writer.set("general.name", .string("\(configuration.family), width \(configuration.width)"))
    writer.set("general.quantization_version", .uint32(2))
    // LLAMA_FTYPE has no value for plain int8 tensors; 7 (mostly Q8_0) is the nearest: 8-bit weights.
    writer.set("general.file_type", .uint32(7))
    set("family", .string(configuration.family))
    set("image_height", configuration.imageHeight)
    set("image_width", configuration.imageWidth)
    set("patch_size", configuration.patchSize)
    set("channels", configuration.channels)
    set("embedding_length", configuration.width)
    set("block_count", configuration.depth)
    set("attention.head_count", configuration.heads)
    set("feed_forward_length", configuration.mlpWidth)
    set("prefix_tokens", configuration.prefixTokens)
    set("classes", configuration.classes)
    set("layer_norm_epsilon", .float64(configuration.layerNormEpsilon))
    if !configuration.labels.isEmpty { set("labels", .strings(configuration.labels)) }
    set("position_scheme", .string(configuration.positions.rawValue))
    set("norm_before_blocks", .bool(configuration.normBeforeBlocks))
    set("activation_function", .string(configuration.activation.rawValue))
    set("readout", .string(configuration.readout.rawValue))
    describeVariants(configuration)
    set("activations", .string(model.activations.rawValue))
    set("softmax_planes", model.softmaxPlanes)
    set("residual_fraction_bits", model.residualFractionBits)
    set("final_fraction_bits", model.finalFractionBits)
    set("output_fraction_bits", model.outputFractionBits)
    set("pixel_scale", .float32s(model.pixelMapping.scale))
    set("pixel_offset", .float32s(model.pixelMapping.offset))
    set("head.input_shift", Int(model.headInputShift))
    set("head.input_range", [model.headInputQuantizer])
    if let preprocessing = model.preprocessing { describe(preprocessing) }
    for (key, value) in model.calibration?.metadata ?? [] { writer.set(key, value) }
    describe(model.blocks)
    if configuration.isGated { set("block.gate_shift", .int32s(model.blocks.map(\.gateShift))) }
    describePlans(model.outline)
  }

  /// Where the buffers of an inference lie.
  private mutating func describePlans(_ outline: ModelOutline) {
    set(ModelKey.planVersion, StoredPlan.version)
    for kind in PlanKind.allCases {
      let plan = ForwardPlan(outline, kind: kind, workers: 1).stored
      if kind == .lean { set(ModelKey.leanPlanRows, plan.rows) }
      set(ModelKey.planOffsets(kind), .uint32s(plan.offsets.map { UInt32(truncatingIfNeeded: $0) }))
    }
  }

  /// What only some models have; a key that is not there means that the model does not have it.
  private mutating func describeVariants(_ configuration: ModelConfiguration) {
    if configuration.norm != .layerNorm { set("norm_function", .string(configuration.norm.rawValue)) }
    let flags = [
      ("attention.query_key_norm", configuration.normsQueriesAndKeys),
      ("attention.output_norm", configuration.normsAttention), ("feed_forward_gate", configuration.isGated),
      ("feed_forward_norm", configuration.normsHidden),
    ]
    for (name, isThere) in flags where isThere { set(name, .bool(true)) }
    if configuration.projectionWidth > 0 { set("projection_length", configuration.projectionWidth) }
  }

  /// Scalars of all blocks, as arrays with one entry for each.
  private mutating func describe(_ blocks: [QuantizedBlock]) {
    set("block.score_shift", .int32s(blocks.map(\.scoreShift)))
    set("block.value_shift", .int32s(blocks.map(\.fileValueShift)))
    if blocks.contains(where: { $0.hasWideAttention }) {
      set(ModelKey.attentionPlanes, .int32s(blocks.map { $0.hasWideAttention ? 2 : 1 }))
    }
    set("block.gelu_fraction_bits", .int32s(blocks.map(\.geluFractionBits)))
    set("block.query_range", blocks.flatMap(\.queryQuantizers))
    set("block.key_range", blocks.flatMap(\.keyQuantizers))
    for layer in BlockLayer.allCases { set(ModelKey.inputRange(of: layer), blocks.map { $0.quantizers[layer] }) }
  }

  private mutating func describe(_ preprocessing: Preprocessing) {
    switch preprocessing.resize {
    case .none: set("preprocessing.resize", .string("none"))
    case .exact(let height, let width):
      set("preprocessing.resize", .string("exact"))
      set("preprocessing.resize_size", .int32s([Int32(height), Int32(width)]))
    case .shortestEdge(let length):
      set("preprocessing.resize", .string("shortest_edge"))
      set("preprocessing.resize_size", .int32s([Int32(length)]))
    case .covering(let height, let width):
      set("preprocessing.resize", .string("covering"))
      set("preprocessing.resize_size", .int32s([Int32(height), Int32(width)]))
    }
    set("preprocessing.filter", preprocessing.filter.rawValue)
    if let crop = preprocessing.crop {
      set("preprocessing.crop", .int32s([Int32(crop.height), Int32(crop.width)]))
    }
    set("preprocessing.crop_rounding", .string(preprocessing.cropRounding.rawValue))
    set("preprocessing.rescale_factor", .float64(preprocessing.rescaleFactor))
    set("preprocessing.mean", .float64s(preprocessing.mean))
    set("preprocessing.standard_deviation", .float64s(preprocessing.standardDeviation))
  }

  /// Static ranges as pairs; nothing for dynamic ones.
  mutating func set(_ name: String, _ quantizers: [ActivationQuantizer]) {
    let pairs = quantizers.flatMap { quantizer -> [Int32] in
      guard case .fixed(let row) = quantizer else { return [] }
      return [row.low, row.high]
    }
    if !pairs.isEmpty { set(name, .int32s(pairs)) }
  }

  mutating func add(_ name: String, _ values: [Int32]) {
    writer.add(name, dimensions: [values.count], values: values)
  }

  mutating func add(_ rotation: HadamardRotation) {
    set(ModelKey.hadamardBlock, rotation.block)
    writer.add(ModelKey.hadamardSigns, dimensions: [rotation.width, 2], values: rotation.signs)
    add(ModelKey.hadamardPairs, rotation.pairs)
  }

  mutating func add(_ name: String, _ norm: QuantizedNorm) {
    add("\(name).weight", norm.gain)
    add("\(name).bias", norm.bias)
    set("\(name).shift", .int32(norm.shift))
    set("\(name).epsilon", .int64(norm.epsilon))
  }

  mutating func add(_ name: String, _ linear: QuantizedLinear) {
    let inputs = WeightLayout.paddedInputs(linear.inputs)
    let panels = WeightLayout.paddedOutputs(linear.outputs) / WeightLayout.panelColumns
    let reach: LayerReach
    switch linear.weights {
    case .int8(let levels):
      writer.add("\(name).weight", dimensions: [4, WeightLayout.panelColumns, inputs / 4, panels], values: levels)
      reach = unsafe linear.reach(of: levels.span.bytes, readsPixels: name == LayerName.patchEmbedding.description)
    case .int16(let levels):
      writer.add("\(name).weight", dimensions: [2, WeightLayout.panelColumns, inputs / 2, panels], values: levels)
      reach = unsafe linear.reach(of: levels.span.bytes, readsPixels: name == LayerName.patchEmbedding.description)
    }
    add("\(name).multiplier", linear.multiplier)
    add("\(name).column_sum", linear.columnSum)
    add("\(name).bias", linear.bias)
    set("\(name).shift", .int32(linear.shift))
    set("\(name).accumulator_bound", .int64(reach.accumulator))
    set("\(name).output_bound", .int64(reach.output))
  }

  mutating func add(_ block: QuantizedBlock, index: Int) {
    add(ModelKey.block(index, "ln1"), block.ln1)
    add(ModelKey.block(index, "ln2"), block.ln2)
    add(ModelKey.block(index, "attn_v.multiplier"), block.valueMultiplier)
    let norms = [
      ("attn_q_norm", block.queryNorm), ("attn_k_norm", block.keyNorm), ("attn_norm", block.attentionNorm),
      ("ffn_norm", block.hiddenNorm),
    ]
    for (name, norm) in norms { if let norm { add(ModelKey.block(index, name), norm) } }
    if let factors = block.hiddenFactors {
      writer.add(ModelKey.hiddenFactors(index), dimensions: [factors.count], values: factors)
    }
    for layer in BlockLayer.allCases {
      add(LayerName.block(index, layer).description, block.fileLayer(layer))
    }
  }
}

extension QuantizedLinear {
  /// What the weights, whose bytes these are, can come to.
  fileprivate func reach(of bytes: RawSpan, readsPixels: Bool) -> LayerReach {
    LayerReach(
      weights: bytes, isWide: isWide, multiplier: multiplier.span, bias: bias.span, outputs: outputs, inputs: inputs,
      shift: shift, rowMultiplier: LayerReach.rowMultiplier(readsPixels: readsPixels))
  }
}
