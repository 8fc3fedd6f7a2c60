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

  /// Why a comparison with `summary` says less than it could; empty where nothing is in the way.
  func caveats(for summary: DriftSummary) -> [String] {
    var caveats: [String] = []
    if let samples = json["samples"]?.int, samples != summary.samples {
      caveats.append(
        "the baseline has \(samples) samples and this report \(summary.samples): not the same data")
    }
    let missing = summary.layers.map(\.name).filter { layer(named: $0) == nil }
    if !missing.isEmpty {
      caveats.append("the baseline has no layer \(missing.joined(separator: ", ")): nothing to compare there")
    }
    return caveats
  }

  /// What got worse by more than its tolerance, layer by layer.
  func regressions(in summary: DriftSummary) -> [String] {
    var regressions = ReportFigures.summary.compactMap { figure in
      Self.regression(figure, titled: figure.key, old: json[figure.key], new: figure.value(summary))
    }
    for layer in summary.layers {
      let old = self.layer(named: layer.name)
      regressions += ReportFigures.layer.compactMap { figure in
        Self.regression(
          figure, titled: "\(figure.key) of layer \(layer.name)", old: old?[figure.key], new: figure.value(layer))
      }
    }
    return regressions
  }

  private func layer(named name: String) -> JSON? {
    json["layers"]?.array?.last { $0["name"]?.string == name }
  }

  /// Nil when the number is not worse, when the baseline has none, or when it is not compared.
  private static func regression<Subject>(
    _ figure: Figure<Subject>, titled title: String, old: JSON?, new: Double?
  ) -> String? {
    guard figure.tolerance != nil, let old = old?.double else { return nil }
    guard let new else { return "\(title) was \(old) and has no value now" }
    guard figure.isWorse(new, than: old) else { return nil }
    return "\(title) went from \(NumberText.fixed(old, 4)) to \(NumberText.fixed(new, 4))"
  }
}
