import Int8Kernels
import LibC
import Quant
import ViTLite

/// `vit-quant demo`
enum DemoCommand {
  private static let output = Option<String>.path(
    "--output", nil, "DIR", help: "where the model and the report go; ./demo-output by default")

  static let command = Command(
    specification: CommandSpecification(
      name: "demo", summary: "The whole story on the bundled model: calibrate, classify, report.",
      options: [OptionDeclaration(output), OptionDeclaration(SharedOptions.threads)], example: "vit-quant demo",
      notes: [
        "The bundled data is looked for in calibration/fashion-mnist of the working directory, beside the program and "
          + "above it, or where the environment variable VIT_QUANT_DATA says."
      ]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let data = try BundledData.locate()
    let folder = arguments[output] ?? "demo-output"
    try makeFolder(folder)
    let threads = ExecutionOptions.threads(arguments)
    let modelPath = Folder.join(folder, "fashion-mnist-int8.gguf")
    let page = Folder.join(folder, "drift.html")
    let json = Folder.join(folder, "drift.json")
    try OutputConflict.check(
      [modelPath, page, json].map { NamedPath(name: "--output", path: $0, role: .output) }
        + [NamedPath(name: "the bundled model", path: data, role: .model)])

    console.note("1 of 3: calibrating \(data)")
    let checkpoint = try ModelFile.loadFloat(data)
    let model = try quantize(checkpoint, data: data, to: modelPath, threads: threads, console)
    console.note("2 of 3: classifying \(Folder.join(data, "samples"))")
    let samples = try classify(checkpoint, model, data: data)
    console.note("3 of 3: comparing both models on the test images")
    let measurement = try DriftMeasurement(checkpoint, model, floatPath: data, path: modelPath)
    let testPath = Folder.join(data, "test.safetensors")
    let report = try measurement.report(
      DriftMeasurement.Plan(
        data: DataSet(path: testPath, configuration: model.configuration), dataPath: testPath, maximumPixels: nil,
        threads: threads), console: console)
    do throws(FileError) {
      try AtomicFile.save(DriftPage(report).html, to: page)
      try AtomicFile.save(report.json.serialized(pretty: true) + "\n", to: json)
    } catch { throw .input("\(error)") }
    try console.print(
      samples.text + "\n\n" + verdict(report).text + "\n\n"
        + "int8 model  \(modelPath)\nreport      \(page)\nas JSON     \(json)")
  }

  private static func quantize(
    _ checkpoint: Checkpoint, data: String, to path: String, threads: Int, _ console: Console
  ) throws(CommandError) -> IntegerModel {
    let samples: SampleSet
    do { samples = try SampleSet(path: Folder.join(data, "calibration.safetensors")) } catch {
      throw .input("\(error)")
    }
    let run = CalibrationRun(checkpoint: checkpoint, options: CalibrationOptions(threads: threads), console: console)
    let quantized = try run.quantize(samples).model
    do { return try quantized.write(to: path) } catch { throw .input(ModelFile.located("\(error)", path)) }
  }

  /// What both models say of the sample images.
  private static func classify(
    _ checkpoint: Checkpoint, _ model: IntegerModel, data: String
  ) throws(CommandError) -> TextTable {
    let reader = SampleReader(model.configuration, preprocessing: model.preprocessing, maximumPixels: nil)
    let reference = try InferenceModel(checkpoint).makeWorker(threads: 1)
    let quantized = try InferenceModel(model, Execution(instructionSet: InstructionSetChoice.preferred())).makeWorker(
      threads: 1)
    var table = TextTable([.left, .left, .right, .left, .right])
    table.add(["Image", "fp32", "", "int8", ""])
    var leftOut = LeftOutFiles()
    for item in try InputItem.items(of: Folder.join(data, "samples"), leftOut: &leftOut) {
      let sample = try reader.read(item)
      let answers = try [reference, quantized].map { worker throws(CommandError) -> [String] in
        let logits = try worker.run(sample, keepingHiddenStates: false).outputs.logits ?? []
        guard let top = Classification.top(1, of: logits, labels: model.configuration.labels).first else {
          return ["-", "-"]
        }
        return [top.label, NumberText.percent(top.probability, 1)]
      }
      table.add([String(item.name.split(separator: "/").last ?? "")] + answers[0] + answers[1])
    }
    return table
  }

  private static func verdict(_ report: DriftReport) -> TextTable {
    let summary = report.summary
    var table = TextTable([.left, .right, .right])
    table.add(["\(NumberText.grouped(summary.samples)) test images", "fp32", "int8"])
    table.add(["Top-1", NumberText.percent(summary.referenceTop1), NumberText.percent(summary.quantizedTop1)])
    table.add(["Top-5", NumberText.percent(summary.referenceTop5), NumberText.percent(summary.quantizedTop5)])
    table.add(["Size", NumberText.bytes(report.origin.floatBytes), NumberText.bytes(report.origin.integerBytes)])
    table.add(["Same answer", "", NumberText.percent(summary.agreement)])
    table.add(["Logit SQNR", "", NumberText.fixed(summary.logitSQNR, 1) + " dB"])
    return table
  }

  private static func makeFolder(_ path: String) throws(CommandError) {
    if FileKind(of: path) == .folder { return }
    guard mkdir(path, 0o777) == 0 else {
      throw .input("cannot make the folder: \(systemErrorText(errno)), \(path), expected a place that can be written")
    }
  }
}
