import Int8Kernels

/// Finds the parts of a model in the bytes of its file, and checks every number that the forward pass relies on.
struct ModelDecoder {
  let file: GGUFReader
  let configuration: ModelConfiguration
  let activations: ActivationMode
  let bytes: ModelBytes

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

  static func value<Value>(
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
  static func integer64(
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
  func scalars(_ name: String, in range: ClosedRange<Int>) throws(IntegerModelError) -> [Int32] {
    let values = try integers(name, count: configuration.blockCount...configuration.blockCount)
    for (block, value) in values.enumerated() where !range.contains(value) {
      throw .invalid(
        what: "\(value) for block \(block)", where: "key \(ModelKey.metadata(name))",
        expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    return values.map { Int32(truncatingIfNeeded: $0) }
  }
}
