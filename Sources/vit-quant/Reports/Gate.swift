import Quant

/// A bound on a number of a report: `--fail-under agreement=0.99`.
struct Gate: Sendable {
  enum Bound: Sendable { case atLeast, atMost }

  let figure: Figure<DriftSummary>
  let value: Double

  static let failUnder = option("--fail-under", help: "exit status 1 when the number KEY of the report is below VALUE")
  static let failOver = option("--fail-over", help: "exit status 1 when the number KEY of the report is above VALUE")

  private static func option(_ name: String, help: String) -> Option<Gate> {
    let keys = ReportFigures.summary.map(\.key).joined(separator: ", ")
    return Option(
      name, "KEY=VALUE", help: help, valid: "KEY=VALUE with a number, KEY one of \(keys)", isRepeatable: true
    ) { Gate($0) }
  }

  /// Nil unless `text` is `KEY=VALUE`.
  init?(_ text: String) {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let value = Double(parts[1]), value.isFinite,
      let figure = ReportFigures.summary.first(where: { $0.key == parts[0] })
    else { return nil }
    self.figure = figure
    self.value = value
  }

  /// What is wrong with a report; nil when it passes. A number without a meaning for the model fails.
  func failure(of summary: DriftSummary, _ bound: Bound) -> String? {
    guard let found = figure.value(summary) else { return "\(figure.key) has no value for this model and data" }
    switch bound {
    case .atLeast: return found < value ? "\(figure.key) is \(found), below \(value)" : nil
    case .atMost: return found > value ? "\(figure.key) is \(found), above \(value)" : nil
    }
  }
}
