import Int8Kernels
import Quant
import ViTLite

/// `vit-quant run MODEL INPUT...`
enum RunCommand {
  private static let topK = Option<Int>.integer(
    "--top-k", "K", in: 1...1_000_000, help: "classes to show; 5 by default")
  private static let output = Option<String>.path(
    "--output", .output, "OUT.safetensors",
    help: "write logits, or final tokens without a head, of all inputs as one file")
  private static let hiddenStates = Flag(
    "--hidden-states", help: "with --output, also the residual stream around every block")

  private static let picture = Option<String>.path(
    "--show-preprocessing", .output, "F.png", help: "write what the model sees of the one image, after resize and crop")
  private static let noVerify = Flag(
    "--no-verify", help: "skip the checksums of an int8 model (0.1 ms for each MB); its structure is always checked")

  static let command = Command(
    specification: CommandSpecification(
      name: "run", summary: "Runs an int8 model, or a float one as the fp32 reference, on images.",
      operands: [
        .init("MODEL", .model, help: "int8 .gguf, or a float model: a folder or a .safetensors file"),
        .init(
          "INPUT", .images,
          help: "image files (PNG, JPEG, WebP, PPM, PGM), folders of them, - for one on standard input, or "
            + ".safetensors with images or pixel_values", isRepeatable: true),
      ],
      options: [
        OptionDeclaration(topK), OptionDeclaration(SharedOptions.threads),
      ] + ExecutionOptions.declarations + [
        OptionDeclaration(output), OptionDeclaration(hiddenStates), OptionDeclaration(SharedOptions.labels),
        OptionDeclaration(picture), OptionDeclaration(noVerify),
        OptionDeclaration(SharedOptions.skipBad), OptionDeclaration(SharedOptions.maximumPixels),
        OptionDeclaration(SharedOptions.json),
      ],
      example: "vit-quant run model.gguf photo.jpg --top-k 3",
      notes: [
        "One image is spread over the threads; of several, each thread takes its own.",
        "Images go through the model's preprocessing; \"images\" tensors of the model's size are taken as they are.",
      ],
      conditions: [
        OptionCondition(hiddenStates.name, expected: "--output OUT.safetensors as well") { $0[output] != nil }
      ]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    var execution = try ExecutionOptions.execution(arguments)
    if try ModelFile.kind(of: arguments.operands[0]) == .float {
      let without: [(name: String, isGiven: Bool)] = [
        (ExecutionOptions.memoryLimit.name, execution.memoryLimit != nil),
        (ExecutionOptions.plan.name, execution.plan != nil), (noVerify.name, arguments[noVerify]),
        (InstructionSetChoice.option.name, arguments[InstructionSetChoice.option] != nil),
      ]
      if let option = without.first(where: \.isGiven) {
        throw OptionCondition.error(option.name, in: "run", expected: "an int8 model (.gguf)")
      }
    }
    var items: [InputItem] = []
    var leftOut = LeftOutFiles()
    for argument in arguments.operands.dropFirst() { items += try InputItem.items(of: argument, leftOut: &leftOut) }
    guard items.count(where: { if case .standardInput = $0 { true } else { false } }) <= 1 else {
      throw .usage("- is given twice, in \"run\", expected at most one image on standard input")
    }
    guard arguments[picture] == nil || items.count == 1 else {
      throw .usage("--show-preprocessing with \(items.count) images, in \"run\", expected one")
    }
    execution.runsOnce = items.count == 1
    let model = try InferenceModel.load(
      path: arguments.operands[0], size: items.lazy.compactMap(\.fixedSize).first, execution,
      verifies: !arguments[noVerify])
    leftOut.report(console)
    guard arguments[topK] == nil || model.configuration.classes > 0 else {
      throw OptionCondition.error(topK.name, in: "run", expected: "a model with a head: this one has no classes")
    }
    try classify(items, with: model, arguments, console)
  }

  private static func classify(
    _ items: [InputItem], with model: InferenceModel, _ arguments: ParsedArguments, _ console: Console
  ) throws(CommandError) {
    let reader = SampleReader(
      model.configuration, preprocessing: model.preprocessing, maximumPixels: arguments[SharedOptions.maximumPixels])
    let threads = ExecutionOptions.threads(arguments)
    // Under a limit there is one arena, which all threads work in.
    let isSpread = items.count == 1 || arguments[ExecutionOptions.memoryLimit] != nil
    let (keepsHiddenStates, skipsBad) = (arguments[hiddenStates], arguments[SharedOptions.skipBad])
    let shows = arguments[picture] != nil
    let isPrepared = items.contains { $0.fixedSize == nil }
    let assumptions = isPrepared ? model.assumptions : model.assumptions.withoutPreprocessing
    assumptions.note(path: arguments.operands[0], console)
    let text = ResultText(
      classes: try ClassNames(model.configuration, labels: arguments[SharedOptions.labels]), topK: arguments[topK] ?? 5,
      isJSON: arguments[SharedOptions.json], console: console, assumptions: assumptions)
    let file = try arguments[output].map { path throws(CommandError) in
      try OutputFile(path: path, model.configuration, keepsHiddenStates, rows: items.count)
    }
    let shown = try arguments[picture].map { path throws(CommandError) in
      try PreprocessedPicture(path: path, model.configuration)
    }
    var results = RunResults(
      items: items, inputsPerItem: model.configuration.imageElements, text: text, file: file, picture: shown)
    try forEachInOrder(count: items.count, threads: isSpread ? 1 : threads) { () throws(CommandError) in
      try model.makeWorker(threads: isSpread ? threads : 1)
    } body: { (worker, index) throws(CommandError) -> Result<RunResults.Entry, CommandError> in
      switch try reader.read(items, index, skippingBad: skipsBad) {
      case .failure(let error): return .failure(error)
      case .success(let sample):
        let inference = try worker.run(sample, keepingHiddenStates: keepsHiddenStates)
        return .success(RunResults.Entry(inference: inference, sample: shows ? sample : nil))
      }
    } consume: { (index, result) throws(CommandError) in
      try results.add(result, of: index)
    }
    try results.finish(source: arguments.operands[1...].joined(separator: " "))
  }
}
