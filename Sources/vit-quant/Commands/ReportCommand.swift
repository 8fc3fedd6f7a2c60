import Int8Kernels
import Quant
import ViTLite

/// `vit-quant report FLOAT INT8 --data DATA`
enum ReportCommand {
  private static let html = Option<String>.path("--html", help: "write the report as one self-contained page")
  private static let json = Option<String>.path("--json", help: "write the report as JSON; - is standard output")
  private static let baseline = Option<String>.path(
    "--baseline", "F.json", help: "exit status 1 when the report is worse than this earlier one")

  static let command = Command(
    specification: CommandSpecification(
      name: "report", summary: "Measures how far an int8 model is from its float model, and where.",
      operands: [
        .init("FLOAT", help: "float model: a folder or a .safetensors file"), .init("INT8", help: "int8 model (.gguf)"),
      ],
      options: [
        OptionDeclaration(SharedOptions.data), OptionDeclaration(html), OptionDeclaration(json),
        OptionDeclaration(baseline), OptionDeclaration(Gate.failUnder), OptionDeclaration(Gate.failOver),
        OptionDeclaration(SharedOptions.samples), OptionDeclaration(SharedOptions.seed),
        OptionDeclaration(SharedOptions.threads), OptionDeclaration(SharedOptions.maximumPixels),
      ], requiredOptions: [SharedOptions.data.name],
      example: "vit-quant report ./model model.gguf --data ./photos --html drift.html --fail-under agreement=0.99",
      notes: ReportFigures.notes + [
        "SQNR: 10 log10(sum ref^2 / sum (ref - got)^2) for each image, then the mean over images; at most 200 dB, "
          + "which equal values have. Layers are measured in a run of the whole int8 model."
      ]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let baseline = try arguments[baseline].map { path throws(CommandError) in try Baseline(path: path) }
    let (floatPath, path) = (arguments.operands[0], arguments.operands[1])
    let dataPath = arguments[SharedOptions.data] ?? ""
    let model = try ModelFile.loadInteger(path)
    let measurement = try DriftMeasurement(floatPath: floatPath, model, path: path)
    var data = try DataSet(path: dataPath, configuration: model.configuration)
    data.choose(arguments[SharedOptions.samples], seed: arguments[SharedOptions.seed] ?? 0)
    let report = try measurement.report(
      data, dataPath: dataPath, maximumPixels: arguments[SharedOptions.maximumPixels],
      threads: ExecutionOptions.threads(arguments), console: console)
    try write(report, arguments, console)
    try check(report, against: baseline, arguments, console)
  }

  private static func write(
    _ report: DriftReport, _ arguments: ParsedArguments, _ console: Console
  ) throws(CommandError) {
    do throws(FileError) {
      if let path = arguments[html] { try AtomicFile.save(DriftPage(report).html, to: path) }
      if let path = arguments[json], path != "-" {
        try AtomicFile.save(report.json.serialized(pretty: true) + "\n", to: path)
      }
    } catch { throw .input("\(error)") }
    try console.print(arguments[json] == "-" ? report.json.serialized(pretty: true) : report.text(console))
  }

  /// - Throws: `gate` with everything that failed.
  private static func check(
    _ report: DriftReport, against baseline: Baseline?, _ arguments: ParsedArguments, _ console: Console
  ) throws(CommandError) {
    var failures = arguments.all(Gate.failUnder).compactMap { $0.failure(of: report.summary, .atLeast) }
    failures += arguments.all(Gate.failOver).compactMap { $0.failure(of: report.summary, .atMost) }
    if let baseline {
      for caveat in baseline.caveats(for: report.summary) { console.note(caveat) }
      failures += baseline.regressions(in: report.summary).map { "\($0) since \(baseline.path)" }
    }
    guard failures.isEmpty else { throw .gate("a gate failed: \(failures.joined(separator: "; "))") }
  }
}
