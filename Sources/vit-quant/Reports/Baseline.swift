import Int8Kernels
import Quant
import ViTLite

/// An earlier report that a new one must not be worse than.
struct Baseline {
  /// Far larger than any report.
  private static let maximumBytes = 1 << 28

  /// How much worse a number may be before it counts.
  private struct Tolerance {
    let key: String
    /// Whether more of it is better.
    let isBetterHigher: Bool
    let absolute: Double
    /// Share of the baseline's number.
    var relative = 0.0
  }

  private static let tolerances = [
    Tolerance(key: "int8_top1", isBetterHigher: true, absolute: 0.001),
    Tolerance(key: "top1_drop", isBetterHigher: false, absolute: 0.1),
    Tolerance(key: "int8_top5", isBetterHigher: true, absolute: 0.001),
    Tolerance(key: "agreement", isBetterHigher: true, absolute: 0.002),
    Tolerance(key: "logit_sqnr_db", isBetterHigher: true, absolute: 0.5),
    Tolerance(key: "logit_cosine", isBetterHigher: true, absolute: 0.0001),
    Tolerance(key: "kl_divergence", isBetterHigher: false, absolute: 1e-6, relative: 0.2),
    Tolerance(key: "token_sqnr_db", isBetterHigher: true, absolute: 0.5),
    Tolerance(key: "token_cosine", isBetterHigher: true, absolute: 0.0001),
  ]
  /// Decibels that a layer may lose.
  private static let layerTolerance = Tolerance(key: "sqnr_db", isBetterHigher: true, absolute: 1)

  /// How the help describes all this.
  static let summary =
    "Tolerances of --baseline: top-1 and top-5 0.1 points, agreement 0.002, SQNR 0.5 dB (1 dB for a layer), "
    + "cosine 0.0001, KL divergence 20%."

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

  var samples: Int? { json["samples"]?.int }

  /// What got worse by more than its tolerance, layer by layer.
  func regressions(in report: DriftReport) -> [String] {
    let new = report.json
    var regressions = Self.tolerances.compactMap { tolerance in
      Self.regression(tolerance.key, tolerance, old: json[tolerance.key], new: new[tolerance.key])
    }
    var layers: [String: JSON] = [:]
    for layer in json["layers"]?.array ?? [] {
      if let name = layer["name"]?.string { layers[name] = layer["sqnr_db"] }
    }
    for layer in new["layers"]?.array ?? [] {
      guard let name = layer["name"]?.string else { continue }
      let title = "\(Self.layerTolerance.key) of layer \(name)"
      if let worse = Self.regression(title, Self.layerTolerance, old: layers[name], new: layer["sqnr_db"]) {
        regressions.append(worse)
      }
    }
    return regressions
  }

  /// Nil when the number is not worse, or when the baseline has none.
  private static func regression(_ title: String, _ tolerance: Tolerance, old: JSON?, new: JSON?) -> String? {
    guard let old = old?.double else { return nil }
    guard let new = new?.double else { return "\(title) was \(old) and has no value now" }
    let loss = tolerance.isBetterHigher ? old - new : new - old
    // A little more than the tolerance itself, for numbers that went through decimal digits.
    guard loss > tolerance.absolute + tolerance.relative * old.magnitude + 1e-12 else { return nil }
    return "\(title) went from \(NumberText.fixed(old, 4)) to \(NumberText.fixed(new, 4))"
  }
}
