import Int8Kernels
import Quant
import ViTLite

/// A bound on a number of a report: `--fail-under agreement=0.99`.
struct Gate: Sendable {
  enum Bound: Sendable { case atLeast, atMost }

  let key: String
  let value: Double

  /// Numbers of a report that can be bounded.
  static let keys = [
    "samples", "labelled", "fp32_top1", "int8_top1", "top1_drop", "fp32_top5", "int8_top5", "agreement",
    "logit_sqnr_db", "logit_cosine", "kl_divergence", "token_sqnr_db", "token_cosine",
  ]

  static let failUnder = option("--fail-under", help: "exit status 1 when the number KEY of the report is below VALUE")
  static let failOver = option("--fail-over", help: "exit status 1 when the number KEY of the report is above VALUE")

  private static func option(_ name: String, help: String) -> Option<Gate> {
    Option(
      name, "KEY=VALUE", help: help, valid: "KEY=VALUE with a number, KEY one of \(keys.joined(separator: ", "))",
      isRepeatable: true
    ) { Gate($0) }
  }

  /// Nil unless `text` is `KEY=VALUE`.
  init?(_ text: String) {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let value = Double(parts[1]), value.isFinite, Self.keys.contains(String(parts[0])) else {
      return nil
    }
    key = String(parts[0])
    self.value = value
  }

  /// What is wrong with a report; nil when it passes. A number without a meaning for the model fails.
  func failure(of report: DriftReport, _ bound: Bound) -> String? {
    guard let found = report.figures.first(where: { $0.key == key })?.value else {
      return "\(key) has no value for this model and data"
    }
    switch bound {
    case .atLeast: return found < value ? "\(key) is \(found), below \(value)" : nil
    case .atMost: return found > value ? "\(key) is \(found), above \(value)" : nil
    }
  }
}
