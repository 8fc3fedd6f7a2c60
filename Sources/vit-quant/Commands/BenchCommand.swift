import Int8Kernels
import Quant
import ViTLite

/// `vit-quant bench [MODEL | --preset NAME]`
enum BenchCommand {
  private static let runs = Option<Int>.integer("--runs", in: 1...1_000_000, help: "inferences to time; 20 by default")
  private static let warmup = Option<Int>.integer(
    "--warmup", in: 0...1_000_000, help: "inferences before them; 3 by default")
  private static let profile = Flag("--profile", help: "time of each stage")
  private static let cold = Flag(
    "--cold", help: "before each run the system forgets the model file (Linux): weights come from the disk")

  static let command = Command(
    specification: CommandSpecification(
      name: "bench", summary: "Measures latency and memory of an int8 model, one image at a time.",
      operands: [.init("MODEL", .model, help: "int8 model (.gguf)", isRequired: false)],
      options: [
        OptionDeclaration(InspectCommand.preset), OptionDeclaration(SharedOptions.threads), OptionDeclaration(runs),
        OptionDeclaration(warmup),
      ] + ExecutionOptions.declarations + [
        OptionDeclaration(profile), OptionDeclaration(cold), OptionDeclaration(SharedOptions.json),
      ],
      example: "vit-quant bench --preset vit-base --threads 1",
      notes: [
        "A preset is calibrated by another process, so that the peak of resident memory is that of inference alone.",
        "The matrix products are timed once more by themselves; the processor's peak is that of its product instruction "
          + "on registers alone, measured in the same run. Both count a multiplication and an addition as two. Portable code is whatever the "
          + "compiler makes of it: it has no product instruction of its own, and so no peak.",
      ], forms: ["MODEL", "--preset NAME"]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let plan = Benchmark.Plan(
      execution: try ExecutionOptions.execution(arguments), runs: arguments[runs] ?? 20,
      warmup: arguments[warmup] ?? 3, measuresStages: arguments[profile], isCold: arguments[cold])
    let result: Benchmark
    switch (arguments.operands.first, arguments[InspectCommand.preset]) {
    case (nil, nil): throw .usage("MODEL is missing, in \"bench\", expected an int8 model or --preset NAME")
    case (.some, .some): throw .usage("both a model and --preset, in \"bench\", expected one of them")
    case (let path?, nil): result = try Benchmark(path: path, name: path, plan)
    case (nil, let preset?):
      let file = try PresetFile(preset, console: console)
      result = try Benchmark(path: file.path, name: preset.rawValue, plan)
    }
    let json = arguments[SharedOptions.json]
    try console.print(json ? result.json.serialized() : result.text(console))
  }
}
