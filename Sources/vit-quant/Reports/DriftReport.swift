import Int8Kernels
import Quant
import ViTLite

/// The drift of an int8 model, with what a reader needs to know about the two models.
struct DriftReport {
  /// Where the numbers come from.
  struct Origin {
    let floatPath: String
    /// SHA-256 of the weights' files.
    let floatDigest: String
    /// Bytes of the weights as fp32.
    let floatBytes: Int
    let integerPath: String
    let integerDigest: String
    let integerBytes: Int
    let dataPath: String
    /// Nil for files that do not say.
    let record: CalibrationRecord?
    let date: String
    let machine: String
    let instructionSet: String
  }

  /// Both models on this machine, one thread each.
  struct Performance {
    let floatMilliseconds: Double
    let integerMilliseconds: Double
    /// Weights and buffers.
    let floatMemory: Int
    let integerMemory: Int
  }

  /// The version of the JSON report; `docs/report.schema.json` describes it.
  static let version = 2

  let summary: DriftSummary
  let classes: ClassNames
  let model: IntegerModel
  /// Of the float model.
  let preprocessing: Preprocessing?
  /// What the float model's files do not say.
  let assumptions: Assumptions
  /// Images on which each layer was measured by itself.
  let layerSamples: Int
  let origin: Origin
  let performance: Performance?
  /// By their place in the data.
  let thumbnails: [Int: Thumbnail]
  let verdict: Verdict
  let causes: [Cause]

  init(
    summary: DriftSummary, classes: ClassNames, model: IntegerModel, preprocessing: Preprocessing?,
    assumptions: Assumptions, layerSamples: Int, origin: Origin, performance: Performance?, thumbnails: [Int: Thumbnail]
  ) {
    self.summary = summary
    self.classes = classes
    self.model = model
    self.preprocessing = preprocessing
    self.assumptions = assumptions
    self.layerSamples = layerSamples
    self.origin = origin
    self.performance = performance
    self.thumbnails = thumbnails
    causes = CauseFinder(summary: summary, model: model, preprocessing: preprocessing, record: origin.record).causes
    verdict = Verdict(summary, causes: causes)
  }

  /// Images that the model was calibrated on.
  var calibrationImages: Int {
    guard let digests = origin.record?.digests else { return 0 }
    let known = Set(digests)
    return summary.digests.count { known.contains($0) }
  }

  /// Classes that have images, in order.
  var classDrifts: [(index: Int, drift: ClassDrift)] {
    summary.classes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The layers that cause the most noise, the worst first.
  var worstLayers: [LayerSummary] {
    summary.layers.filter { $0.alone?.noiseShare != nil }
      .sorted { ($0.alone?.noiseShare ?? 0, $1.name) > ($1.alone?.noiseShare ?? 0, $0.name) }
  }
}

// MARK: - JSON

extension DriftReport {
  /// The report as `docs/report.schema.json` describes it.
  var json: JSON {
    var members: [JSON.Member] = [
      .init(key: "version", value: .integer(Self.version)),
      .init(key: "verdict", value: .string(verdict.level.rawValue)),
      .init(key: "criteria", value: .array(verdict.criteria.map(Self.json))),
    ]
    members += ReportFigures.summary.map { $0.member(of: summary) }
    members += ReportFigures.summary.compactMap { $0.intervalMember(of: summary) }
    members += [
      .init(key: "layer_samples", value: .integer(layerSamples)),
      .init(key: "layers", value: .array(summary.layers.map(Self.json))),
      .init(key: "causes", value: .array(causes.map(Self.json))),
      .init(key: "classes", value: .array(classDrifts.map(json))),
      .init(key: "disagreements", value: .array(summary.disagreements.map(json))),
      .init(key: "model", value: modelJSON), .init(key: "data", value: dataJSON),
      .init(key: "float_model", value: .string(origin.floatPath)),
      .init(key: "int8_model", value: .string(origin.integerPath)),
      .init(key: "float_bytes", value: .integer(origin.floatBytes)),
      .init(key: "int8_bytes", value: .integer(origin.integerBytes)),
      .init(key: "machine", value: .string("\(origin.machine), \(origin.instructionSet)")),
      .init(key: "program", value: .string(VitQuant.version)),
      .init(key: "assumptions", value: assumptions.json),
    ]
    return .object(members)
  }

  private var modelJSON: JSON {
    var calibration = JSON.null
    if let record = origin.record {
      calibration = [
        "images": .integer(record.images), "variants": .integer(record.variants),
        "activations": .string(model.activations.rawValue),
        "observer": JSON(record.observer?.rawValue), "rounding": .string(record.rounding.rawValue),
        "smoothing": .bool(record.smoothing), "rotation": .bool(model.hadamard != nil),
        "softmax_planes": .integer(model.softmaxPlanes), "seed": .string("\(record.seed)"),
      ]
    }
    return [
      "fp32_sha256": .string(origin.floatDigest), "int8_sha256": .string(origin.integerDigest),
      "family": .string(model.configuration.family), "calibration": calibration,
    ]
  }

  private var dataJSON: JSON {
    [
      "path": .string(origin.dataPath), "digest": .string(SampleDigest.text(summary.digest)),
      "samples": .integer(summary.samples), "calibration_images": .integer(calibrationImages),
    ]
  }

  private static func json(_ criterion: Verdict.Criterion) -> JSON {
    [
      "title": .string(criterion.title), "verdict": .string(criterion.level.rawValue),
      "finding": .string(criterion.finding), "limits": .string(criterion.limits),
    ]
  }

  private static func json(_ cause: Cause) -> JSON {
    ["layer": JSON(cause.layer), "finding": .string(cause.finding), "advice": .string(cause.advice)]
  }

  private static func json(_ layer: LayerSummary) -> JSON {
    var members: [JSON.Member] = [
      .init(key: "name", value: .string(layer.name)), .init(key: "kind", value: .string(layer.point.kind.rawValue)),
    ]
    members += ReportFigures.layer.map { $0.member(of: layer) }
    members += ReportFigures.layer.compactMap { $0.intervalMember(of: layer) }
    return .object(members)
  }

  private func json(_ entry: (index: Int, drift: ClassDrift)) -> JSON {
    var members: [JSON.Member] = [
      .init(key: "index", value: .integer(entry.index)), .init(key: "name", value: .string(classes[entry.index])),
    ]
    members += ReportFigures.classes.map { $0.member(of: entry.drift) }
    members += ReportFigures.classes.compactMap { $0.intervalMember(of: entry.drift) }
    return .object(members)
  }

  private func json(_ disagreement: DriftSummary.Disagreement) -> JSON {
    [
      "input": .string(disagreement.input), "label": JSON(disagreement.label), "fp32": .integer(disagreement.reference),
      "int8": .integer(disagreement.quantized),
    ]
  }
}

// MARK: - Text

extension DriftReport {
  /// The report for a terminal.
  func text(_ console: Console) -> String {
    let level = verdict.level
    var lines = [console.styled("Verdict: \(level.rawValue), \(level.words)", .bold)]
    lines += verdict.criteria.map { "  \($0.level.rawValue): \($0.finding)" }
    lines += causes.filter { $0.weight != .ordinary }.prefix(3).map { "  why: \($0.finding) \($0.advice)" }
    var table = TextTable([.left, .right])
    for figure in ReportFigures.summary {
      if let text = figure.textWithUnit(of: summary) { table.add([figure.title, text]) }
      if let text = figure.intervalText(of: summary) { table.add(["  95% interval", text]) }
    }
    table.add(["Weights, fp32", NumberText.bytes(origin.floatBytes)])
    table.add(["Model file, int8", NumberText.bytes(origin.integerBytes)])
    let columns = ReportFigures.layer.filter { $0.key != "cosine" && $0.key != "weight_error" }
    var layers = TextTable([.left] + columns.map { _ in .right })
    layers.add(["Layer"] + columns.map { $0.heading(isShort: true) })
    for layer in summary.layers { layers.add([layer.name] + columns.map { $0.text(of: layer) }) }
    lines += [""] + table.lines + [""] + layers.lines
    lines[lines.count - layers.lines.count] = console.styled(layers.lines[0], .bold)
    if !summary.disagreements.isEmpty {
      lines += ["", "\(summary.disagreements.count) images with another answer (--json or --html lists all), such as:"]
      lines += summary.disagreements.prefix(5).map { "  " + text($0) }
    }
    if calibrationImages > 0 {
      lines += ["", "\(calibrationImages) of the images are ones that the model was calibrated on."]
    }
    return lines.joined(separator: "\n")
  }

  private func text(_ disagreement: DriftSummary.Disagreement) -> String {
    let label = disagreement.label.map { ", label \(classes[$0])" } ?? ""
    return
      "\(disagreement.input): fp32 \(classes[disagreement.reference]), int8 \(classes[disagreement.quantized])\(label)"
  }
}
