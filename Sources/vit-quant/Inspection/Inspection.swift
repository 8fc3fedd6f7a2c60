import Int8Kernels
import Quant
import ViTLite

/// Everything that `inspect` shows of one model.
struct Inspection {
  let title: String
  let kind: String
  let configuration: ModelConfiguration
  let preprocessing: Preprocessing?
  var assumptions = Assumptions()
  let layers: LayerTable
  /// Nil for a preset, which is no file.
  var contents: ModelContents?
  /// Numbers that only int8 models have.
  var integerFacts: [(key: String, value: JSON)] = []
  var plan: ForwardPlan?

  init(_ preset: Preset) {
    title = preset.rawValue
    kind = "preset"
    configuration = preset.configuration
    preprocessing = nil
    layers = LayerTable(preset)
  }

  init(checkpoint path: String) throws(CommandError) {
    let checkpoint = try ModelFile.loadFloat(path)
    let contents = try ModelContents(checkpoint: path)
    title = path
    kind = "float"
    configuration = checkpoint.model.configuration
    preprocessing = checkpoint.preprocessing
    assumptions = Assumptions(checkpoint)
    layers = LayerTable(checkpoint.model, contents: contents)
    self.contents = contents
  }

  init(_ model: IntegerModel, path: String, plan planKind: PlanKind) throws(CommandError) {
    title = path
    kind = "int8"
    configuration = model.configuration
    preprocessing = model.preprocessing
    layers = LayerTable(model)
    contents = ModelContents(model)
    integerFacts = [
      ("activations", .string(model.activations.rawValue)), ("softmax_planes", .integer(model.softmaxPlanes)),
      ("residual_fraction_bits", .integer(model.residualFractionBits)),
      ("final_fraction_bits", .integer(model.finalFractionBits)),
      ("output_fraction_bits", .integer(model.outputFractionBits)),
      ("int16_layers", .array(model.wideLayerNames.map { .string("\($0)") })),
    ]
    plan = ForwardPlan(model.outline, kind: planKind, workers: 1)
  }

  private var facts: [(key: String, value: JSON)] {
    let c = configuration
    return [
      ("family", .string(c.family)), ("image_height", .integer(c.imageHeight)),
      ("image_width", .integer(c.imageWidth)), ("channels", .integer(c.channels)),
      ("patch_size", .integer(c.patchSize)), ("tokens", .integer(c.tokens)),
      ("prefix_tokens", .integer(c.prefixTokens)), ("width", .integer(c.width)), ("depth", .integer(c.depth)),
      ("heads", .integer(c.heads)), ("mlp_width", .integer(c.mlpWidth)),
      ("layer_norm_eps", .double(c.layerNormEpsilon)), ("positions", .string(c.positions.rawValue)),
      ("norm", .string(c.norm.rawValue)), ("norm_before_blocks", .bool(c.normBeforeBlocks)),
      ("query_key_norm", .bool(c.normsQueriesAndKeys)), ("attention_norm", .bool(c.normsAttention)),
      ("activation", .string(c.activation.rawValue)), ("gated_mlp", .bool(c.isGated)),
      ("hidden_norm", .bool(c.normsHidden)), ("readout", .string(c.readout.rawValue)),
      ("projection_width", .integer(c.projectionWidth)), ("classes", .integer(c.classes)),
    ]
  }

  func json(withLayers: Bool) -> JSON {
    var members: [JSON.Member] = [
      .init(key: "model", value: .string(title)), .init(key: "kind", value: .string(kind)),
      .init(key: "configuration", value: .object(facts.map { JSON.Member(key: $0.key, value: $0.value) })),
      .init(key: "labels", value: .array(configuration.labels.map { .string($0) })),
      .init(key: "parameters", value: .integer(layers.total + layers.remainder)),
    ]
    if let preprocessing {
      members.append(
        .init(
          key: "preprocessing",
          value: [
            "mean": .array(preprocessing.mean.map { .double($0) }),
            "std": .array(preprocessing.standardDeviation.map { .double($0) }),
            "rescale_factor": .double(preprocessing.rescaleFactor),
          ]))
    }
    if preprocessing != nil || !assumptions.all.isEmpty {
      members.append(.init(key: "assumptions", value: assumptions.json))
    }
    if !integerFacts.isEmpty {
      members.append(
        .init(key: "quantization", value: .object(integerFacts.map { .init(key: $0.key, value: $0.value) })))
    }
    if let contents {
      members.append(.init(key: "tensors", value: .array(contents.tensors.map(Self.json))))
      members.append(.init(key: "tensor_bytes", value: .integer(contents.byteCount)))
    }
    if let plan {
      members.append(.init(key: "phases", value: plan.phasesJSON))
      members.append(.init(key: "memory_plan", value: plan.memoryJSON))
    }
    if withLayers { members.append(.init(key: "layers", value: layers.json)) }
    return .object(members)
  }

  private static func json(_ tensor: ModelContents.Tensor) -> JSON {
    [
      "name": .string(tensor.name), "type": .string(tensor.type), "shape": .array(tensor.shape.map { .integer($0) }),
      "bytes": .integer(tensor.byteCount),
    ]
  }

  func text(_ console: Console) -> String {
    var table = TextTable([.left, .left])
    for fact in facts + integerFacts { table.add([fact.key, Self.text(fact.value)]) }
    if let preprocessing {
      table.add(["mean", preprocessing.mean.map { NumberText.fixed($0, 4) }.joined(separator: " ")])
      table.add(["std", preprocessing.standardDeviation.map { NumberText.fixed($0, 4) }.joined(separator: " ")])
    }
    for assumption in assumptions.all { table.add(["assumed", assumption]) }
    table.add(["parameters", NumberText.grouped(layers.total + layers.remainder)])
    var lines = [console.styled("\(title) (\(kind))", .bold)] + table.lines
    if let contents { lines += [""] + Self.text(contents, console) }
    if let plan { lines += [""] + plan.phaseLines(console) + [""] + plan.memoryLines(console) }
    return lines.joined(separator: "\n")
  }

  private static func text(_ value: JSON) -> String {
    guard case .array(let items) = value else { return value.string ?? value.serialized() }
    return items.isEmpty ? "none" : items.compactMap(\.string).joined(separator: " ")
  }

  private static func text(_ contents: ModelContents, _ console: Console) -> [String] {
    var groups = TextTable([.left, .right, .right, .right])
    for group in contents.groups {
      let share = Double(group.byteCount) / Double(max(contents.byteCount, 1))
      groups.add([
        group.pattern, "\(group.count)", NumberText.bytes(group.byteCount), NumberText.percent(share, 1),
      ])
    }
    var tensors = TextTable([.left, .left, .left, .right])
    for tensor in contents.tensors {
      let shape = tensor.shape.map { String($0) }.joined(separator: " x ")
      tensors.add([tensor.name, tensor.type, shape, NumberText.grouped(tensor.byteCount)])
    }
    let total = "\(contents.tensors.count) tensors, \(NumberText.bytes(contents.byteCount))"
    return [console.styled("Where the bytes go", .bold)] + groups.lines
      + ["", console.styled("Tensors (name, type, shape, bytes): \(total)", .bold)] + tensors.lines
  }
}
