import Int8Kernels
import Quant
import ViTLite

/// An earlier report that a new one must not be worse than.
struct Baseline {
  /// The largest file to read; reports are far smaller.
  private static let maximumBytes = 1 << 28

  let path: String
  private let json: JSON

  init(path: String) throws(CommandError) {
    self.path = path
    let bytes: [UInt8]
    do { bytes = try MappedFile.contents(of: path, limit: Self.maximumBytes) } catch { throw .input("\(error)") }
    do { json = try JSON(parsing: bytes) } catch {
      throw .input("no JSON: \(error), \(path), expected what \"report --json\" writes")
    }
    guard json["samples"]?.int != nil, json["layers"]?.array != nil else {
      throw .input("no \"samples\" and \"layers\", \(path), expected what \"report --json\" writes")
    }
  }

  /// Refuses a baseline of other images or of another float model: nothing could be concluded from it.
  func checkComparable(to report: DriftReport) throws(CommandError) {
    if let version = json["version"]?.int, version > DriftReport.version {
      throw .input("a report of version \(version), \(path), expected at most \(DriftReport.version)")
    }
    let samples = report.summary.samples
    if let found = json["samples"]?.int, found != samples {
      throw .input(
        "a baseline of \(found) images, \(path), expected one of the same \(samples) images as this report")
    }
    let digest = SampleDigest.text(report.summary.digest)
    if let found = json["data"]?["digest"]?.string, found != digest {
      throw .input("a baseline of other images (digest \(found)), \(path), expected the same images (\(digest))")
    }
    if let found = json["model"]?["fp32_sha256"]?.string, found != report.origin.floatDigest {
      throw .input(
        "a baseline of another float model (SHA-256 \(found)), \(path), expected \(report.origin.floatDigest)")
    }
  }

  /// Why a comparison says less than it could; empty where nothing is in the way.
  func caveats(for report: DriftReport) -> [String] {
    var caveats: [String] = []
    if json["data"]?["digest"] == nil {
      caveats.append("the baseline does not say which images and which float model it is of: they may be others")
    }
    let missing = report.summary.layers.map(\.name).filter { layer(named: $0) == nil }
    if !missing.isEmpty {
      caveats.append("the baseline has no layer \(missing.joined(separator: ", ")): nothing to compare there")
    }
    return caveats
  }

  /// Every comparison: numbers of the whole first, then layer by layer, then class by class.
  func results(for report: DriftReport) -> [GateResult] {
    let samples = report.summary.samples
    var results = ReportFigures.summary.compactMap { figure in
      Self.result(figure, of: report.summary, titled: figure.key, in: json, samples)
    }
    for layer in report.summary.layers {
      guard let old = self.layer(named: layer.name) else { continue }
      results += ReportFigures.layer.compactMap { figure in
        Self.result(figure, of: layer, titled: "\(figure.key) of layer \(layer.name)", in: old, samples)
      }
    }
    for (index, drift) in report.classDrifts {
      guard let old = json["classes"]?.array?.first(where: { $0["index"]?.int == index }) else { continue }
      results += ReportFigures.classes.compactMap { figure in
        Self.result(
          figure, of: drift, titled: "\(figure.key) of class \(report.classes[index])", in: old, drift.images)
      }
    }
    return results
  }

  private func layer(named name: String) -> JSON? {
    json["layers"]?.array?.last { $0["name"]?.string == name }
  }

  /// Nil when the baseline has no number, or when it is not compared.
  private static func result<Subject>(
    _ figure: Figure<Subject>, of subject: Subject, titled title: String, in old: JSON, _ samples: Int
  ) -> GateResult? {
    guard let tolerance = figure.tolerance, let before = old[figure.key]?.double else { return nil }
    guard let now = figure.value(subject) else {
      return GateResult(name: title, failure: "\(title) was \(figure.describe(before)) and has no value now")
    }
    var widths: (old: Double, new: Double)?
    if let ends = old["\(figure.key)_interval"]?.array?.compactMap(\.double), ends.count == 2,
      let interval = figure.interval?(subject)
    {
      widths = (ends[1] - ends[0], interval.upperBound - interval.lowerBound)
    }
    let allowance = tolerance.allowance(old: before, intervals: widths, samples: samples)
    guard figure.isWorse(now, than: before, by: allowance) else { return GateResult(name: title, failure: nil) }
    return GateResult(
      name: title,
      failure: "\(title) went from \(figure.describe(before)) to \(figure.describe(now)), worse by more "
        + "than \(figure.describe(allowance))")
  }
}
