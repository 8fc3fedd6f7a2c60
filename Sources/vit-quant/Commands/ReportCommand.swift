import Int8Kernels
import Quant
import ViTLite

/// `vit-quant report FLOAT INT8 --data DATA`
enum ReportCommand {
  private static let html = Option<String>.path("--html", .output, help: "write the report as one self-contained page")
  private static let json = Option<String>.path(
    "--json", .output, help: "write the report as JSON; - is standard output")
  private static let baseline = Option<String>.path(
    "--baseline", .file, "F.json",
    help: "exit status 1 when the report is worse than this earlier one of the same images")
  private static let junit = Option<String>.path("--junit", .output, help: "write the gates' results as JUnit XML")
  private static let layerSamples = Option<Int>.integer(
    "--layer-samples", in: 0...10_000,
    help: "images on which each layer is measured by itself; 4 by default, 0 for none")

  static let command = Command(
    specification: CommandSpecification(
      name: "report", summary: "Measures how far an int8 model is from its float model, and where.",
      operands: [
        .init("FLOAT", .model, help: "float model: a folder or a .safetensors file"),
        .init("INT8", .model, help: "int8 model (.gguf)"),
      ],
      options: [
        OptionDeclaration(SharedOptions.data), OptionDeclaration(html), OptionDeclaration(json),
        OptionDeclaration(baseline), OptionDeclaration(Gate.failUnder), OptionDeclaration(Gate.failOver),
        OptionDeclaration(junit), OptionDeclaration(layerSamples), OptionDeclaration(SharedOptions.labels),
        OptionDeclaration(SharedOptions.samples), OptionDeclaration(SharedOptions.seed),
        OptionDeclaration(SharedOptions.threads), OptionDeclaration(SharedOptions.skipBad),
        OptionDeclaration(SharedOptions.maximumPixels),
      ], requiredOptions: [SharedOptions.data.name],
      example: "vit-quant report ./model model.gguf --data ./photos --html drift.html --fail-under agreement=0.99",
      notes: ReportFigures.notes + [
        "SQNR: 10 log10(sum ref^2 / sum (ref - got)^2) for each image, then the mean over images; at most 200 dB, "
          + "which equal values have. sqnr_db of a layer is measured in a run of the whole int8 model; own_db, alone_db and "
          + "noise_share with this layer in int8 and the rest in fp32, which takes about half a run of the fp32 model for "
          + "each layer and each of --layer-samples images.",
        "The verdict is good, watch or bad; the page states its limits.",
      ],
      conditions: [
        OptionCondition(SharedOptions.seed.name, expected: "--samples as well, which it chooses") {
          $0[SharedOptions.samples] != nil
        }
      ]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    // All are opened before any work, and take their names when all are complete.
    let isJSONFile = arguments[json].map { $0 != "-" } ?? false
    var htmlFile = try OutputText(path: arguments[html])
    var jsonFile = try OutputText(path: isJSONFile ? arguments[json] : nil)
    var junitFile = try OutputText(path: arguments[junit])
    let baseline = try arguments[baseline].map { path throws(CommandError) in try Baseline(path: path) }
    let (floatPath, path) = (arguments.operands[0], arguments.operands[1])
    let dataPath = arguments[SharedOptions.data] ?? ""
    let model = try ModelFile.loadInteger(path)
    let measurement = try DriftMeasurement(floatPath: floatPath, model, path: path)
    let classes = try ClassNames(model.configuration, labels: arguments[SharedOptions.labels])
    var data = try DataSet(path: dataPath, classes: classes)
    data.leftOut.report(console)
    measurement.noteAssumptions(hasImages: data.hasImages, console)
    data.choose(arguments[SharedOptions.samples], seed: arguments[SharedOptions.seed] ?? 0)
    if arguments[SharedOptions.skipBad] {
      try data.removeBad(with: measurement.reader(maximumPixels: arguments[SharedOptions.maximumPixels]))
    }
    let report = try measurement.report(
      DriftMeasurement.Plan(
        data: data, dataPath: dataPath, maximumPixels: arguments[SharedOptions.maximumPixels],
        threads: ExecutionOptions.threads(arguments),
        layerSamples: arguments[layerSamples] ?? DriftMeasurement.defaultLayerSamples, classes: classes,
        isForPage: arguments[html] != nil),
      console: console)
    try baseline?.checkComparable(to: report)
    let results = try results(for: report, against: baseline, arguments)
    if arguments[html] != nil { try htmlFile.append(DriftPage(report, results: results).html) }
    if isJSONFile { try jsonFile.append(report.json.serialized(pretty: true) + "\n") }
    if arguments[junit] != nil { try junitFile.append(JUnit(results: results, verdict: report.verdict).xml) }
    try htmlFile.commit()
    try jsonFile.commit()
    try junitFile.commit()
    try console.print(arguments[json] == "-" ? report.json.serialized(pretty: true) : report.text(console))
    try check(results, against: baseline, report, console)
  }

  private static func results(
    for report: DriftReport, against baseline: Baseline?, _ arguments: ParsedArguments
  ) throws(CommandError) -> [GateResult] {
    var results: [GateResult] = []
    for (option, bound) in [(Gate.failUnder, Gate.Bound.atLeast), (Gate.failOver, .atMost)] {
      for gate in arguments.all(option) {
        results.append(
          GateResult(
            name: "\(option.name) \(gate.key)=\(gate.value)", failure: try gate.failure(of: report, bound)))
      }
    }
    return results + (baseline?.results(for: report) ?? [])
  }

  /// - Throws: `gate` with everything that failed.
  private static func check(
    _ results: [GateResult], against baseline: Baseline?, _ report: DriftReport, _ console: Console
  ) throws(CommandError) {
    for caveat in baseline?.caveats(for: report) ?? [] { console.note(caveat) }
    let failures = results.compactMap(\.failure)
    guard !failures.isEmpty else { return }
    if failures.count > 1 {
      for failure in failures { console.note("worse: \(failure)") }
    }
    for cause in report.causes.prefix(2) where cause.weight != .ordinary {
      console.note("why: \(cause.finding) \(cause.advice)")
    }
    let since = baseline.map { ", compared with \($0.path)" } ?? ""
    let count = failures.count == 1 ? "a gate" : "\(failures.count) gates"
    throw .gate("\(count) failed: \(failures.joined(separator: "; "))\(since)")
  }
}
