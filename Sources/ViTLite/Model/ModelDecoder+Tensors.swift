import Int8Kernels

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
