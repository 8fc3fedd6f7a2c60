import Int8Kernels
import Quant
import ViTLite

/// `vit-quant inspect MODEL`
enum InspectCommand {
  private static let layers = Flag("--layers", help: "the layer table: type, output shape, parameters, totals")
  private static let memoryMap = Option<String>.path(
    "--memory-map", .output, "F.svg", help: "draw the plan of an int8 model: time to the right, addresses upwards")
  static let preset = Option<Preset>.choice("--preset", help: "a model of random weights instead of a file")

  private static let needsModel = "an int8 model (.gguf)"

  static let command = Command(
    specification: CommandSpecification(
      name: "inspect", summary: "Shows what is in a model: configuration, tensors, where the bytes go.",
      operands: [.init("MODEL", .model, help: "int8 .gguf, or a float model", isRequired: false)],
      options: [
        OptionDeclaration(layers), OptionDeclaration(preset), OptionDeclaration(ExecutionOptions.plan),
        OptionDeclaration(memoryMap), OptionDeclaration(SharedOptions.json),
      ], example: "vit-quant inspect --preset seed-vit --layers", forms: ["MODEL", "--preset NAME"],
      conditions: [
        OptionCondition(ExecutionOptions.plan.name, expected: needsModel) { $0[preset] == nil },
        OptionCondition(memoryMap.name, expected: needsModel) { $0[preset] == nil },
        OptionCondition(ExecutionOptions.plan.name, expected: "no --layers, or --json or --memory-map as well") {
          !$0[layers] || $0[SharedOptions.json] || $0[memoryMap] != nil
        },
      ]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let inspection = try inspect(arguments)
    if let path = arguments[memoryMap] { try write(inspection.plan, to: path) }
    if arguments[SharedOptions.json] {
      try console.print(inspection.json(withLayers: arguments[layers]).serialized(pretty: true))
    } else if arguments[layers] {
      try console.print(inspection.layers.text)
    } else {
      try console.print(inspection.text(console))
    }
  }

  private static func write(_ plan: ForwardPlan?, to path: String) throws(CommandError) {
    guard let plan else {
      throw OptionCondition.error(memoryMap.name, in: "inspect", expected: needsModel)
    }
    do throws(FileError) { try AtomicFile.save(MemoryMap(plan).svg, to: path) } catch { throw .input("\(error)") }
  }

  private static func inspect(_ arguments: ParsedArguments) throws(CommandError) -> Inspection {
    switch (arguments.operands.first, arguments[preset]) {
    case (nil, nil):
      throw .usage("MODEL is missing, in \"inspect\", expected a model or --preset NAME")
    case (.some, .some):
      throw .usage("both a model and --preset, in \"inspect\", expected one of them")
    case (nil, let preset?):
      return Inspection(preset)
    case (let path?, nil):
      switch try ModelFile.kind(of: path) {
      case .float:
        if arguments[ExecutionOptions.plan] != nil {
          throw OptionCondition.error(ExecutionOptions.plan.name, in: "inspect", expected: needsModel)
        }
        return try Inspection(checkpoint: path)
      case .integer:
        return try Inspection(
          ModelFile.loadInteger(path, verifies: false), path: path, plan: arguments[ExecutionOptions.plan] ?? .fast)
      }
    }
  }
}
