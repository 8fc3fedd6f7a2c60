import Int8Kernels
import Quant
import ViTLite

/// `vit-quant calibrate MODEL --data DATA --output OUT.gguf`
enum CalibrateCommand {
  /// Images to calibrate on by default; more change the model little and take longer.
  private static let defaultSamples = 512
  private static let randomSamples = 4
  /// Decibels under which a model is not left with all layers at 8 bits.
  private static let floor = 25.0

  private static let output = Option<String>.path(
    "--output", .output, "OUT.gguf", help: "where the int8 model goes")
  private static let samples = Option<Int>.integer(
    "--samples", in: 1...Int.max, help: "images to calibrate on, chosen by the seed; at most 512 by default")
  private static let observer = Option<ObserverKind>.choice(
    "--observer",
    help: "how static ranges are chosen; by default all that was seen, moved where a layer then drifts less")
  private static let activations = Option<ActivationMode>.choice(
    "--activations", help: "scales per token at run time, or all from calibration; dynamic by default")
  private static let noSmoothing = Flag("--no-smoothing", help: "leave outliers of activations where they are")
  private static let rotation = Option<RotationMode>.choice(
    "--rotation", help: "Hadamard rotation of the tokens' channels; auto, where weights have outliers, by default")
  private static let rounding = Option<WeightRoundingMode>.choice(
    "--rounding", help: "weights to nearest, or for the least drift on the samples; calibrated by default")
  private static let noVariants = Flag(
    "--no-variants",
    help: "calibrate on the images alone, without parts and mirrored or recolored copies where they are few")
  private static let softmaxPlanes = Option<Int>.integer(
    "--softmax-planes", in: 1...2, help: "bytes for each of the softmax's outputs; 2 by default")
  private static let keep = Option<LayerName>(
    "--keep", "LAYER=int16", help: "keep a layer at 16 bits, such as blk.0.ffn_down or blk.0.attn; repeatable",
    valid: "LAYER=int16, with a layer such as blk.0.ffn_down, blk.0.attn, output or patch_embd", isRepeatable: true
  ) { text in
    text.hasSuffix("=int16") ? LayerName(String(text.dropLast(6))) : nil
  }
  private static let sensitivity = Flag(
    "--sensitivity", help: "rank the layers by the drift that each alone causes")
  private static let target = Option<Double>(
    "--target-sqnr", "DB", help: "widen layers until mirrored calibration images reach this, in the least time",
    valid: "a number of decibels from 0 to 200"
  ) { text in
    Double(text).flatMap { (0...200).contains($0) ? $0 : nil }
  }
  private static let report = Option<String>.path(
    "--report", .output, "OUT.html", help: "also write the drift on the calibration images as a page")
  private static let preset = Option<Preset>.choice(
    "--preset", help: "random weights and images instead of MODEL and DATA, for measurements")

  static let command = Command(
    specification: CommandSpecification(
      name: "calibrate", summary: "Makes an int8 model from a float model and sample images.",
      operands: [.init("MODEL", .model, help: "float model: a folder or a .safetensors file", isRequired: false)],
      options: [
        OptionDeclaration(SharedOptions.data), OptionDeclaration(output), OptionDeclaration(samples),
        OptionDeclaration(observer), OptionDeclaration(activations), OptionDeclaration(noSmoothing),
        OptionDeclaration(rotation), OptionDeclaration(rounding), OptionDeclaration(noVariants),
        OptionDeclaration(softmaxPlanes),
        OptionDeclaration(keep), OptionDeclaration(sensitivity), OptionDeclaration(target),
        OptionDeclaration(SharedOptions.seed), OptionDeclaration(report), OptionDeclaration(SharedOptions.threads),
        OptionDeclaration(preset), OptionDeclaration(SharedOptions.skipBad),
        OptionDeclaration(SharedOptions.maximumPixels),
      ], requiredOptions: [output.name],
      example: "vit-quant calibrate ./model --data ./photos --output model.gguf --samples 256",
      notes: ["The same seed, samples and model give the same file, byte for byte, for any number of threads."],
      forms: ["MODEL --data DATA --output OUT.gguf", "--preset NAME --output OUT.gguf"],
      conditions: [
        OptionCondition(observer.name, expected: "--activations static as well") { $0[activations] == .static }
      ]
        + [noVariants.name, report.name, SharedOptions.skipBad.name, SharedOptions.maximumPixels.name].map {
          OptionCondition($0, expected: "MODEL and --data instead of --preset") { $0[preset] == nil }
        }),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let start = Clock.seconds
    let outputPath = arguments[output] ?? ""
    guard !outputPath.lowercased().hasSuffix(".safetensors") else {
      throw .usage(
        "--output \(outputPath), in \"calibrate\", expected a name that ends in .gguf: the int8 model's format")
    }
    // Both are opened before any work, and take their names when both are complete.
    let modelFile = try OutputText.open(outputPath)
    var reportFile = try OutputText(path: arguments[report])
    let source = try source(arguments, console)
    let run = CalibrationRun(checkpoint: source.checkpoint, options: options(arguments), console: console)
    let calibration = try run.quantize(source.samples)
    let written: WrittenModel
    do { written = try calibration.model.write(to: modelFile) } catch {
      throw .input(ModelFile.located("\(error)", outputPath))
    }
    let model = written.model
    if let data = source.data, arguments[report] != nil {
      try reportFile.append(page(source.checkpoint, model, data, arguments, console))
    }
    do { try written.commit() } catch { throw .input(ModelFile.located("\(error)", outputPath)) }
    try reportFile.commit()
    let floatSize = NumberText.bytes(4 * source.checkpoint.model.parameterCount)
    if !calibration.sensitivities.isEmpty { try printSensitivities(calibration, console) }
    let made = calibration.model.calibration?.variants ?? 0
    let variants = made > 0 ? " and \(made) variants of them" : ""
    try console.print(
      "\(outputPath): \(NumberText.bytes(model.byteCount)) (fp32: \(floatSize)), calibrated on "
        + "\(NumberText.grouped(source.samples.count)) images\(variants) in \(NumberText.duration(seconds: Clock.seconds - start))"
    )
  }

  /// The layers by the drift that each alone causes, the worst first.
  private static func printSensitivities(_ calibration: Calibration, _ console: Console) throws(CommandError) {
    var table = TextTable([.left, .right, .left])
    table.add(["Layer", "SQNR alone", ""])
    for sensitivity in calibration.sensitivities {
      let isWide = calibration.wideLayers.contains(sensitivity.layer)
      table.add([
        "\(sensitivity.layer)", "\(NumberText.fixed(sensitivity.sqnr, 1)) dB", isWide ? "kept at int16" : "",
      ])
    }
    try console.print(table.text)
  }

  private static func options(_ arguments: ParsedArguments) -> CalibrationOptions {
    var options = CalibrationOptions(
      observer: arguments[observer], activations: arguments[activations] ?? .dynamic,
      smoothing: !arguments[noSmoothing], rotation: arguments[rotation] ?? .auto,
      softmaxPlanes: arguments[softmaxPlanes] ?? 2,
      rounding: arguments[rounding] ?? .calibrated,
      variants: !arguments[noVariants] && arguments[preset] == nil, seed: arguments[SharedOptions.seed] ?? 0,
      threads: ExecutionOptions.threads(arguments))
    options.wideLayers = arguments.all(keep)
    options.ranksLayers = arguments[sensitivity]
    options.targetSQNR = arguments[target]
    // Random images say nothing of what a model is for.
    if arguments[preset] == nil { options.floorSQNR = floor }
    return options
  }

  /// What is calibrated, and on what.
  private struct Source {
    let checkpoint: Checkpoint
    let samples: SampleSet
    /// Nil for random images.
    var data: DataSet?
  }

  private static func source(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) -> Source {
    let seed = arguments[SharedOptions.seed] ?? 0
    if let preset = arguments[preset] {
      guard arguments.operands.isEmpty, arguments[SharedOptions.data] == nil else {
        throw .usage("--preset beside MODEL or --data, in \"calibrate\", expected --preset alone")
      }
      let count = arguments[samples] ?? randomSamples
      return Source(
        checkpoint: preset.randomCheckpoint(seed: seed),
        samples: CalibrationRun.randomSamples(preset.configuration, count: count, seed: seed))
    }
    guard let modelPath = arguments.operands.first else {
      throw .usage("MODEL is missing, in \"calibrate\", expected: \(command.specification.usage)")
    }
    guard let dataPath = arguments[SharedOptions.data] else {
      throw .usage("--data is missing, in \"calibrate\", expected --data DATA")
    }
    var checkpoint = try ModelFile.loadFloat(modelPath)
    var data = try DataSet(path: dataPath, configuration: checkpoint.model.configuration)
    data.leftOut.report(console)
    data.choose(arguments[samples] ?? defaultSamples, seed: seed)
    let configuration = checkpoint.model.configuration
    if let size = data.items.first?.fixedSize, size != (configuration.imageHeight, configuration.imageWidth) {
      checkpoint = try ModelFile.loadFloat(modelPath, size: size)
    }
    Assumptions(checkpoint).note(path: modelPath, console)
    let reader = SampleReader(
      checkpoint.model.configuration, preprocessing: checkpoint.preprocessing,
      maximumPixels: arguments[SharedOptions.maximumPixels])
    let samples = try read(&data, with: reader, skippingBad: arguments[SharedOptions.skipBad], console)
    ClippedInputs.warn(samples, checkpoint.preprocessing, source: dataPath)
    return Source(checkpoint: checkpoint, samples: samples, data: data)
  }

  private static func read(
    _ data: inout DataSet, with reader: SampleReader, skippingBad: Bool, _ console: Console
  ) throws(CommandError) -> SampleSet {
    var progress = Progress("reading", console: console)
    defer { progress.finish() }
    return try data.load(with: reader, skippingBad: skippingBad) { progress.update($0, of: $1) }
  }

  /// The drift on the calibration images.
  private static func page(
    _ checkpoint: Checkpoint, _ model: IntegerModel, _ data: DataSet, _ arguments: ParsedArguments, _ console: Console
  ) throws(CommandError) -> String {
    let (floatPath, outputPath) = (arguments.operands[0], arguments[output] ?? "")
    let measurement = try DriftMeasurement(checkpoint, model, floatPath: floatPath, path: outputPath)
    let report = try measurement.report(
      DriftMeasurement.Plan(
        data: data, dataPath: arguments[SharedOptions.data] ?? "",
        maximumPixels: arguments[SharedOptions.maximumPixels], threads: ExecutionOptions.threads(arguments)),
      console: console)
    return DriftPage(report).html
  }
}
