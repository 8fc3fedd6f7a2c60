import Int8Kernels

/// Finds the parts of a model in the bytes of its file, and checks every number that the forward pass relies on.
struct ModelDecoder {
  let file: GGUFReader
  let configuration: ModelConfiguration
  let activations: ActivationMode
  private let bytes: ModelBytes

  init(_ bytes: ModelBytes) throws(IntegerModelError) {
    self.bytes = bytes
    do throws(GGUFError) {
      file = try unsafe GGUFReader(parsing: bytes.buffer.bytes)
    } catch { throw .format(error) }
    try Self.checkLength(of: file, bytes.count)
    configuration = try Self.configuration(in: file)
    activations = try Self.choice("activations", in: file)
    let readout = configuration.readout
    guard readout != .classAndDistillationToken || configuration.prefixTokens >= 2 else {
      throw .invalid(
        what: "\(configuration.prefixTokens) prefix tokens", where: "key \(ModelKey.metadata("prefix_tokens"))",
        expected: "at least 2, which the readout \(readout.rawValue) reads")
    }
  }

  /// A file ends where the last tensor does, rounded up to the alignment.
  private static func checkLength(of file: GGUFReader, _ count: Int) throws(IntegerModelError) {
    let end = file.tensors.reduce(file.dataOffset) { max($0, $1.range.upperBound) }
    let (rest, alignment) = (end % file.alignment, file.alignment)
    let expected = rest == 0 ? end : end - rest + alignment
    guard count == expected else {
      throw .invalid(what: "a file of \(count) bytes", where: "the last tensor ends at \(end)", expected: "\(expected)")
    }
  }

  func hasTensor(_ name: String) -> Bool { file.hasTensor(name) }

  // MARK: Metadata

  private static func value<Value>(
    _ body: () throws(GGUFError) -> Value
  ) throws(IntegerModelError) -> Value {
    do throws(GGUFError) { return try body() } catch { throw .format(error) }
  }

  /// One of a few names; the default where the key is absent, as it is in files that are older than the key.
  private static func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, in file: GGUFReader, default standard: Choice? = nil
  ) throws(IntegerModelError) -> Choice where Choice.RawValue == String {
    let key = ModelKey.metadata(name)
    if let standard, file[key] == nil { return standard }
    let text = try value { () throws(GGUFError) in try file.string(key) }
    guard let choice = Choice(rawValue: text) else {
      let valid = Choice.allCases.map { $0.rawValue }.joined(separator: ", ")
      throw .invalid(what: "\(Quotation(text))", where: "key \(key)", expected: "one of \(valid)")
    }
    return choice
  }

  /// A boolean; false where the key is absent, as it is in files that are older than the key.
  private static func flag(_ name: String, in file: GGUFReader) throws(IntegerModelError) -> Bool {
    let key = ModelKey.metadata(name)
    guard file[key] != nil else { return false }
    return try value { () throws(GGUFError) in try file.bool(key) }
  }

  private static func integer(
    _ name: String, in range: ClosedRange<Int>, of file: GGUFReader
  ) throws(IntegerModelError) -> Int {
    // The range is that of an `Int`, and so is what lies in it.
    Int(try integer64(name, in: Int64(range.lowerBound)...Int64(range.upperBound), of: file))
  }

  /// An integer that may need more bits than an `Int` has on small machines.
  private static func integer64(
    _ name: String, in range: ClosedRange<Int64>, of file: GGUFReader
  ) throws(IntegerModelError) -> Int64 {
    let key = ModelKey.metadata(name)
    let found = try value { () throws(GGUFError) in try file.int64(key) }
    guard range.contains(found) else {
      throw .invalid(
        what: "\(found)", where: "key \(key)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    return found
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(IntegerModelError) -> Int {
    try Self.integer(name, in: range, of: file)
  }

  private static func configuration(in file: GGUFReader) throws(IntegerModelError) -> ModelConfiguration {
    let architecture = try value { () throws(GGUFError) in try file.string("general.architecture") }
    guard architecture == ModelKey.architecture else {
      throw .invalid(
        what: "architecture \(Quotation(architecture))", where: "key general.architecture", expected: "\"vit\"")
    }
    let epsilon = try value { () throws(GGUFError) in try file.float(ModelKey.metadata("layer_norm_epsilon")) }
    var labels: [String] = []
    if file[ModelKey.metadata("labels")] != nil {
      labels = try value { () throws(GGUFError) in try file.strings(ModelKey.metadata("labels")) }
      guard labels.allSatisfy({ $0.utf8.count <= ModelLimits.labelBytes }) else {
        throw .invalid(
          what: "a longer name of a class", where: "key \(ModelKey.metadata("labels"))",
          expected: "at most \(ModelLimits.labelBytes) bytes")
      }
    }
    let configuration = ModelConfiguration(
      family: try value { () throws(GGUFError) in try file.string(ModelKey.metadata("family")) },
      imageHeight: try integer("image_height", in: ModelLimits.imageSide, of: file),
      imageWidth: try integer("image_width", in: ModelLimits.imageSide, of: file),
      patchSize: try integer("patch_size", in: ModelLimits.patchSize, of: file),
      channels: try integer("channels", in: ModelLimits.channels, of: file),
      width: try integer("embedding_length", in: ModelLimits.width, of: file),
      depth: try integer("block_count", in: ModelLimits.depth, of: file),
      heads: try integer("attention.head_count", in: ModelLimits.heads, of: file),
      mlpWidth: try integer("feed_forward_length", in: ModelLimits.mlpWidth, of: file), layerNormEpsilon: epsilon,
      prefixTokens: try integer("prefix_tokens", in: ModelLimits.prefixTokens, of: file),
      positions: try choice("position_scheme", in: file, default: .learned),
      normBeforeBlocks: try flag("norm_before_blocks", in: file),
      norm: try choice("norm_function", in: file, default: .layerNorm),
      normsQueriesAndKeys: try flag("attention.query_key_norm", in: file),
      normsAttention: try flag("attention.output_norm", in: file),
      activation: try choice("activation_function", in: file, default: .gelu),
      isGated: try flag("feed_forward_gate", in: file), normsHidden: try flag("feed_forward_norm", in: file),
      readout: try choice("readout", in: file), classes: try integer("classes", in: ModelLimits.classes, of: file),
      projectionWidth: file[ModelKey.metadata("projection_length")] == nil
        ? 0 : try integer("projection_length", in: ModelLimits.width, of: file),
      labels: labels)
    do throws(ModelLimitError) { try configuration.validate() } catch {
      throw .invalid(what: error.found, where: "keys vit.* of the dimensions", expected: error.expected)
    }
    guard labels.isEmpty || labels.count == configuration.classes else {
      throw .invalid(
        what: "\(labels.count) labels", where: "key \(ModelKey.metadata("labels"))",
        expected: "\(configuration.classes)")
    }
    return configuration
  }

  func pixelMapping() throws(IntegerModelError) -> PixelMapping {
    let scale = try floats("pixel_scale", count: configuration.channels)
    let offset = try floats("pixel_offset", count: configuration.channels)
    let range = ModelLimits.pixelValue
    guard scale.allSatisfy({ $0 >= range.lowerBound && $0 <= range.upperBound }),
      offset.allSatisfy({ $0.magnitude <= range.upperBound })
    else {
      throw .invalid(
        what: "pixel scales \(scale) and offsets \(offset)", where: "keys vit.pixel_scale, vit.pixel_offset",
        expected: "scales from \(range.lowerBound) to \(range.upperBound), offsets to ±\(range.upperBound)")
    }
    return PixelMapping(scale: scale.map { Float($0) }, offset: offset.map { Float($0) })
  }

  private func floats(_ name: String, count: Int) throws(IntegerModelError) -> [Double] {
    let key = ModelKey.metadata(name)
    let values = try Self.value { () throws(GGUFError) in try file.floats(key) }
    guard values.count == count else {
      throw .invalid(what: "\(values.count) numbers", where: "key \(key)", expected: "\(count)")
    }
    return values
  }

  private func integers(_ name: String, count: ClosedRange<Int>) throws(IntegerModelError) -> [Int] {
    let key = ModelKey.metadata(name)
    let values = try Self.value { () throws(GGUFError) in try file.ints(key) }
    guard count.contains(values.count) else {
      throw .invalid(what: "\(values.count) numbers", where: "key \(key)", expected: "\(count.lowerBound)")
    }
    return values
  }

  func preprocessing() throws(IntegerModelError) -> Preprocessing? {
    guard file[ModelKey.metadata("preprocessing.resize")] != nil else { return nil }
    let kind = try Self.value { () throws(GGUFError) in
      try file.string(ModelKey.metadata("preprocessing.resize"))
    }
    let resize: Preprocessing.Resize
    switch kind {
    case "none": resize = .none
    case "exact":
      let size = try imageSize("preprocessing.resize_size", count: 2)
      resize = .exact(height: size[0], width: size[1])
    case "shortest_edge": resize = .shortestEdge(try imageSize("preprocessing.resize_size", count: 1)[0])
    case "covering":
      let size = try imageSize("preprocessing.resize_size", count: 2)
      resize = .covering(height: size[0], width: size[1])
    default:
      throw .invalid(
        what: "\(Quotation(kind))", where: "key vit.preprocessing.resize",
        expected: "none, exact, shortest_edge or covering")
    }
    var crop: (height: Int, width: Int)?
    if file[ModelKey.metadata("preprocessing.crop")] != nil {
      let size = try imageSize("preprocessing.crop", count: 2)
      crop = (size[0], size[1])
    }
    let filter = try integer("preprocessing.filter", in: 0...5)
    let factor = try Self.value { () throws(GGUFError) in
      try file.float(ModelKey.metadata("preprocessing.rescale_factor"))
    }
    let rounding = try Self.value { () throws(GGUFError) in
      try file.string(ModelKey.metadata("preprocessing.crop_rounding"))
    }
    guard let cropRounding = Preprocessing.CropRounding(rawValue: rounding) else {
      throw .invalid(
        what: "\(Quotation(rounding))", where: "key vit.preprocessing.crop_rounding", expected: "down or half_to_even")
    }
    let preprocessing = Preprocessing(
      resize: resize, filter: Preprocessing.Filter(rawValue: filter) ?? .bicubic, crop: crop,
      cropRounding: cropRounding, rescaleFactor: factor,
      mean: try floats("preprocessing.mean", count: configuration.channels),
      standardDeviation: try floats("preprocessing.standard_deviation", count: configuration.channels))
    let range = ModelLimits.pixelValue
    guard range.contains(factor), preprocessing.standardDeviation.allSatisfy({ range.contains($0) }),
      preprocessing.mean.allSatisfy({ $0.magnitude <= range.upperBound })
    else {
      throw .invalid(
        what: "factor \(factor), means \(preprocessing.mean), deviations \(preprocessing.standardDeviation)",
        where: "keys vit.preprocessing.*",
        expected: "factor and deviations from \(range.lowerBound) to \(range.upperBound), means to "
          + "±\(range.upperBound)")
    }
    return preprocessing
  }

  private func imageSize(_ name: String, count: Int) throws(IntegerModelError) -> [Int] {
    let size = try integers(name, count: count...count)
    let range = ModelLimits.preprocessedSide
    guard size.allSatisfy({ range.contains($0) }) else {
      throw .invalid(
        what: "an image size of \(size)", where: "key vit.\(name)",
        expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    return size
  }

  /// The places of buffers that the file holds; none in files that are older than they, or of another version.
  func storedPlans(for outline: ModelOutline) throws(IntegerModelError) -> StoredPlans {
    var plans = StoredPlans()
    guard file[ModelKey.metadata(ModelKey.planVersion)] != nil,
      try integer(ModelKey.planVersion, in: 0...Int.max) == StoredPlan.version
    else { return plans }
    for kind in PlanKind.allCases {
      let tokens = outline.configuration.tokens
      let rows = kind == .lean ? try integer(ModelKey.leanPlanRows, in: 1...tokens) : tokens
      let count = Buffer.allCases.count
      let stored = StoredPlan(rows: rows, offsets: try integers(ModelKey.planOffsets(kind), count: count...count))
      do throws(MisplacedBuffer) { _ = try ForwardPlan(outline, kind: kind, checking: stored) } catch {
        throw .invalid(
          what: "the place of \"\(error.name)\"", where: "key \(ModelKey.metadata(ModelKey.planOffsets(kind)))",
          expected: "a place in the arena, and on no other buffer that is needed at the same time")
      }
      plans[kind] = stored
    }
    return plans
  }

  /// `count` quantizers that a key holds: ranges in static mode, none in dynamic mode.
  func quantizers(_ name: String, count: Int) throws(IntegerModelError) -> [ActivationQuantizer] {
    guard activations == .static, count > 0 else { return Array(repeating: .dynamic, count: count) }
    let ranges = try integers(name, count: (2 * count)...(2 * count))
    var quantizers: [ActivationQuantizer] = []
    quantizers.reserveCapacity(count)
    for index in 0..<count {
      let low = ranges[2 * index]
      let high = ranges[2 * index + 1]
      guard (-32768...0).contains(low), (0...32767).contains(high) else {
        throw .invalid(
          what: "a range of \(low) to \(high)", where: "key \(ModelKey.metadata(name))",
          expected: "a range around 0 within 16 bits")
      }
      quantizers.append(.fixed(RowQuantizer(minimum: Int32(low), maximum: Int32(high))))
    }
    return quantizers
  }

  /// A number for each block.
  private func scalars(_ name: String, in range: ClosedRange<Int>) throws(IntegerModelError) -> [Int32] {
    let values = try integers(name, count: configuration.blockCount...configuration.blockCount)
    for (block, value) in values.enumerated() where !range.contains(value) {
      throw .invalid(
        what: "\(value) for block \(block)", where: "key \(ModelKey.metadata(name))",
        expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    return values.map { Int32(truncatingIfNeeded: $0) }
  }
}

// MARK: - Tensors

extension ModelDecoder {
  /// The bytes of a tensor, after checking its type, size and alignment.
  @unsafe
  private func data(
    _ name: String, _ type: GGUF.TensorType, count: Int
  ) throws(IntegerModelError) -> UnsafeRawPointer {
    let tensor = try Self.value { () throws(GGUFError) in try file.tensor(name) }
    guard tensor.type == type, tensor.range.count == count * type.size else {
      throw .invalid(
        what: "\(tensor.range.count) bytes of \(tensor.type.name)", where: "tensor \"\(name)\"",
        expected: "\(count * type.size) bytes of \(type.name)")
    }
    guard let base = unsafe bytes.buffer.baseAddress, unsafe tensor.range.upperBound <= bytes.buffer.count,
      unsafe Int(bitPattern: base + tensor.range.lowerBound) % type.size == 0
    else {
      throw .invalid(
        what: "offset \(tensor.range.lowerBound)", where: "tensor \"\(name)\"", expected: "an aligned offset")
    }
    return unsafe base + tensor.range.lowerBound
  }

  private func int32s(_ name: String, count: Int) throws(IntegerModelError) -> Vector<Int32> {
    try unsafe Vector(base: data(name, .int32, count: count).assumingMemoryBound(to: Int32.self), count: count)
  }

  /// Multipliers, none larger than 15 bits.
  private func multipliers(_ name: String, count: Int) throws(IntegerModelError) -> Vector<Int32> {
    let values = try int32s(name, count: count)
    for index in 0..<count where !(-32767...32767).contains(values[index]) {
      throw .invalid(
        what: "multiplier \(values[index])", where: "tensor \"\(name)\", element \(index)",
        expected: "-32767 to 32767")
    }
    // What was checked is not read again before the model runs. It does not stay, with all that the system read with it,
    // because under a memory limit there is no room for it.
    bytes.source?.release()
    return values
  }

  /// `tokens x width`
  func positions() throws(IntegerModelError) -> Matrix<Int32> {
    let values = try int32s("position_embd", count: configuration.tokens * configuration.width)
    let limit = FixedPoint.residualLimit
    for index in 0..<values.count where !(-limit...limit).contains(values[index]) {
      throw .invalid(
        what: "\(values[index])", where: "tensor \"position_embd\", element \(index)",
        expected: "-\(limit) to \(limit)")
    }
    bytes.source?.release()
    return unsafe Matrix(reading: values, rows: configuration.tokens, columns: configuration.width)
  }

  func linear(_ layer: LayerName, outputs: Int, inputs: Int) throws(IntegerModelError) -> LinearLayer {
    let name = layer.description
    let columns = WeightLayout.paddedOutputs(outputs)
    for bound in ["accumulator_bound", "output_bound"] {
      let reach = try Self.integer64("\(name).\(bound)", in: Int64.min...Int64.max, of: file)
      guard reach >= 0, reach <= Int64(Int32.max) else {
        throw .invalid(what: "\(bound) \(reach)", where: "layer \(name)", expected: "0 to \(Int32.max)")
      }
    }
    guard !hasTensor("\(name).weight_low") else {
      throw .invalid(
        what: "int16 weights in two planes", where: "layer \(name)",
        expected: "the I16 weights that this version writes: calibrate the model again")
    }
    let isWide = try Self.value { () throws(GGUFError) in try file.tensor("\(name).weight").type } == .int16
    let byteCount = WeightLayout.byteCount(outputs: outputs, inputs: inputs, isWide: isWide)
    let shift = try integer("\(name).shift", in: LinearLayer.validShifts)
    let multiplier = try multipliers("\(name).multiplier", count: columns)
    let columnSum = try int32s("\(name).column_sum", count: columns)
    let bias = try int32s("\(name).bias", count: columns)
    let type = isWide ? GGUF.TensorType.int16 : .int8
    let weights = try unsafe data("\(name).weight", type, count: byteCount / type.size)
    let matrix = unsafe PackedMatrix(
      weights: weights, isWide: isWide, multiplier: multiplier, columnSum: columnSum, bias: bias, outputs: outputs,
      inputs: inputs, shift: Int32(shift))
    if let output = matrix.firstImpossibleOutput {
      throw .invalid(
        what: "an impossible column sum, or padding that is not 0, of output \(output)", where: "layer \(name)",
        expected: "sums of \(inputs) weights, and zeros from output \(outputs) on")
    }
    guard matrix.hasZeroPadding else {
      throw .invalid(
        what: "padding of the weights that is not 0", where: "layer \(name)",
        expected: "zeros beyond \(outputs) outputs and \(inputs) inputs")
    }
    bytes.source?.release()
    return LinearLayer(layer, matrix)
  }

  /// A norm of the model's width, or of another.
  func norm(_ name: String, width: Int? = nil) throws(IntegerModelError) -> IntegerNorm {
    let width = width ?? configuration.width
    let shifts = IntegerNorm.validShifts
    let epsilon = try Self.integer64("\(name).epsilon", in: 0...Int64.max, of: file)
    guard epsilon <= 1 << 60 else {
      throw .invalid(what: "\(epsilon)", where: "key \(ModelKey.metadata("\(name).epsilon"))", expected: "0 to 2^60")
    }
    let shift = try integer("\(name).shift", in: Int(shifts.lowerBound)...Int(shifts.upperBound))
    return IntegerNorm(
      gain: try multipliers("\(name).weight", count: width), bias: try int32s("\(name).bias", count: width),
      shift: Int32(shift), epsilon: epsilon, subtractsMean: configuration.norm == .layerNorm)
  }

  /// All blocks. Metadata with one entry for each block is read once.
  func blocks() throws(IntegerModelError) -> [IntegerBlock] {
    let (depth, heads) = (configuration.blockCount, configuration.heads)
    let inputs = try BlockLayers { (layer) throws(IntegerModelError) in
      try quantizers(ModelKey.inputRange(of: layer), count: depth)
    }
    let queries = try quantizers("block.query_range", count: depth * heads)
    let keys = try quantizers("block.key_range", count: depth * heads).map { $0.symmetric }
    let scoreShifts = try scalars("block.score_shift", in: 0...62)
    let valueShifts = try scalars("block.value_shift", in: -22...16)
    let planes = configuration.headWidth <= WideLayer.headWidthLimit ? 1...2 : 1...1
    let attentionPlanes: [Int32] =
      file[ModelKey.metadata(ModelKey.attentionPlanes)] == nil
      ? Array(repeating: 1, count: depth) : try scalars(ModelKey.attentionPlanes, in: planes)
    let geluFractionBits = try scalars("block.gelu_fraction_bits", in: 5...12)
    let gateShifts = configuration.isGated ? try scalars("block.gate_shift", in: 0...30) : []
    let activation: ActivationTable? =
      switch configuration.activation {
      case .gelu: nil
      case .geluTanh: .geluTanh
      case .quickGELU: .quickGELU
      case .silu: .silu
      }
    let rotation = try rotation()
    var blocks: [IntegerBlock] = []
    for index in 0..<depth {
      // The one that pools by attention has none of these.
      let isInner = index < configuration.depth
      func innerNorm(_ name: String, width: Int, _ isThere: Bool) throws(IntegerModelError) -> IntegerNorm? {
        isThere && isInner ? try self.norm(ModelKey.block(index, name), width: width) : nil
      }
      let hiddenNorm = try innerNorm("ffn_norm", width: configuration.mlpWidth, configuration.normsHidden)
      let hiddenFactors = try hiddenFactors(of: index)
      blocks.append(
        IntegerBlock(
          ln1: try norm(ModelKey.block(index, "ln1")), ln2: try norm(ModelKey.block(index, "ln2")),
          layers: try layers(of: index),
          quantizers: inputs.map { $0[index] },
          queryQuantizers: Array(queries[index * heads..<(index + 1) * heads]),
          keyQuantizers: Array(keys[index * heads..<(index + 1) * heads]), scoreShift: scoreShifts[index],
          hasWideAttention: attentionPlanes[index] == 2,
          valueScales: ChannelScales(
            multiplier: try multipliers(
              ModelKey.block(index, "attn_v.multiplier"), count: WeightLayout.paddedOutputs(configuration.width)),
            shift: valueShifts[index]),
          hidden: HiddenOperation(
            activation: activation, fractionBits: geluFractionBits[index],
            gateShift: configuration.isGated ? gateShifts[index] : nil, factors: hiddenFactors, norm: hiddenNorm),
          queryNorm: try innerNorm("attn_q_norm", width: configuration.width, configuration.normsQueriesAndKeys),
          keyNorm: try innerNorm("attn_k_norm", width: configuration.width, configuration.normsQueriesAndKeys),
          rotation: isInner ? rotation : nil,
          attentionNorm: try innerNorm("attn_norm", width: configuration.width, configuration.normsAttention)))
    }
    return blocks
  }

  /// The table of sines and cosines; nil without rotary positions.
  private func rotation() throws(IntegerModelError) -> Rotation? {
    guard configuration.positions.isRotary else { return nil }
    let (patches, pairs) = (configuration.patches, configuration.headWidth / 2)
    let count = 2 * patches * pairs
    let values = try unsafe Vector(
      base: data(ModelKey.rotation, .int16, count: count).assumingMemoryBound(to: Int16.self), count: count)
    for index in 0..<count where values[index] == Int16.min {
      throw .invalid(
        what: "\(values[index])", where: "tensor \"\(ModelKey.rotation)\", element \(index)",
        expected: "-32767 to 32767")
    }
    let cosines = unsafe Matrix(reading: values.extracting(0..<count / 2), rows: patches, columns: pairs)
    let sines = unsafe Matrix(reading: values.dropFirst(count / 2), rows: patches, columns: pairs)
    return Rotation(cosines: cosines, sines: sines)
  }

  /// The rotation of the residual stream; nil where there is none.
  func hadamard() throws(IntegerModelError) -> HadamardRotation? {
    let key = ModelKey.metadata(ModelKey.hadamardBlock)
    guard file[key] != nil else { return nil }
    let width = configuration.width
    let block = try integer(ModelKey.hadamardBlock, in: HadamardRotation.validBlocks)
    guard block.nonzeroBitCount == 1, width.isMultiple(of: block) else {
      throw .invalid(what: "\(block)", where: "key \(key)", expected: "a power of two that divides \(width)")
    }
    let signs = try unsafe Vector(
      base: data(ModelKey.hadamardSigns, .int8, count: 2 * width).assumingMemoryBound(to: Int8.self), count: 2 * width)
    for index in 0..<signs.count where signs[index].magnitude != 1 {
      throw .invalid(
        what: "\(signs[index])", where: "tensor \"\(ModelKey.hadamardSigns)\", element \(index)", expected: "1 or -1")
    }
    let groups = width / HadamardRotation.group
    let pairs = try int32s(ModelKey.hadamardPairs, count: groups)
    var isPaired = [Bool](repeating: false, count: groups)
    for index in 0..<groups {
      let group = Int(pairs[index])
      guard (0..<groups).contains(group), !isPaired[group] else {
        throw .invalid(
          what: "\(group)", where: "tensor \"\(ModelKey.hadamardPairs)\", element \(index)",
          expected: "each group from 0 to \(groups - 1) once")
      }
      isPaired[group] = true
    }
    return HadamardRotation(
      block: block, signs: (0..<signs.count).map { signs[$0] }, pairs: (0..<groups).map { pairs[$0] })
  }

  /// What a block's activations are multiplied by; nil where the file has nothing.
  private func hiddenFactors(of block: Int) throws(IntegerModelError) -> Vector<Int16>? {
    let (name, count) = (ModelKey.hiddenFactors(block), configuration.mlpWidth)
    guard hasTensor(name) else { return nil }
    let values = try unsafe Vector(
      base: data(name, .int16, count: count).assumingMemoryBound(to: Int16.self), count: count)
    for index in 0..<count where values[index] < 1 {
      throw .invalid(
        what: "\(values[index])", where: "tensor \"\(name)\", element \(index)", expected: "1 to 32767")
    }
    return values
  }

  private func layers(of block: Int) throws(IntegerModelError) -> BlockLayers<LinearLayer> {
    try BlockLayers { (layer) throws(IntegerModelError) in
      let shape = layer.shape(in: configuration)
      return try linear(.block(block, layer), outputs: shape.outputs, inputs: shape.inputs)
    }
  }
}

extension ActivationQuantizer {
  /// A fixed quantizer for the same range, symmetric around 0, as keys need it.
  var symmetric: ActivationQuantizer {
    guard case .fixed(let row) = self else { return self }
    return .fixed(RowQuantizer(magnitude: max(0 &- row.low, row.high)))
  }
}
