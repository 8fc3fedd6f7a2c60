import Quant

/// A bound on a number of a report: `--fail-under agreement=0.99`, `--fail-under layers.blk.3.ffn_up.own_db=25`,
/// `--fail-over classes.Shirt.top1_drop=2`.
struct Gate: Sendable {
  enum Bound: Sendable { case atLeast, atMost }

  /// What the number is of; a name of `*` means each.
  private enum Subject: Sendable {
    case summary(Figure<DriftSummary>)
    case layer(String, Figure<LayerSummary>)
    case classes(String, Figure<ClassDrift>)
  }

  private let subject: Subject
  let key: String
  let value: Double

  static let failUnder = option("--fail-under", help: "exit status 1 when the number KEY of the report is below VALUE")
  static let failOver = option("--fail-over", help: "exit status 1 when the number KEY of the report is above VALUE")

  private static func option(_ name: String, help: String) -> Option<Gate> {
    let keys = ReportFigures.summary.map(\.key).joined(separator: ", ")
    return Option(
      name, "KEY=VALUE", help: help,
      valid:
        "KEY=VALUE with a number, KEY one of \(keys), layers.NAME.KEY or classes.NAME.KEY (\"vit-quant help report\")",
      isRepeatable: true
    ) { Gate($0) }
  }

  /// Nil unless `text` is `KEY=VALUE`.
  init?(_ text: String) {
    // Names of classes may have an equals sign; numbers have none.
    guard let equals = text.lastIndex(of: "="), let value = Double(text[text.index(after: equals)...]), value.isFinite,
      let subject = Self.subject(String(text[..<equals]))
    else { return nil }
    self.subject = subject
    key = String(text[..<equals])
    self.value = value
  }

  private static func subject(_ key: String) -> Subject? {
    if let figure = ReportFigures.summary.first(where: { $0.key == key }) { return .summary(figure) }
    guard let first = key.firstIndex(of: "."), let last = key.lastIndex(of: "."), first < last else { return nil }
    let name = String(key[key.index(after: first)..<last])
    let number = key[key.index(after: last)...]
    switch key[..<first] {
    case "layers": return ReportFigures.layer.first { $0.key == number }.map { .layer(name, $0) }
    case "classes": return ReportFigures.classes.first { $0.key == number }.map { .classes(name, $0) }
    default: return nil
    }
  }

  /// What is wrong with a report; nil when it passes. A number without a meaning for the model fails.
  /// - Throws: `usage` when the report has no layer or class of that name.
  func failure(of report: DriftReport, _ bound: Bound) throws(CommandError) -> String? {
    switch subject {
    case .summary(let figure): return check([(key, figure.value(report.summary))], bound, isEach: false)
    case .layer(let name, let figure):
      let layers = report.summary.layers.filter { name == "*" || $0.name == name }
      guard !layers.isEmpty else {
        let names = report.summary.layers.map(\.name).joined(separator: ", ")
        throw .usage("layer \"\(name)\", in \"\(key)\", expected one of \(names), or *")
      }
      return check(layers.map { ("layers.\($0.name).\(figure.key)", figure.value($0)) }, bound, isEach: name == "*")
    case .classes(let name, let figure):
      let entries = report.classDrifts.filter {
        name == "*" || report.classes[$0.index] == name || "\($0.index)" == name
      }
      guard !entries.isEmpty else {
        throw .usage("class \"\(name)\", in \"\(key)\", expected the name or number of a class that has images, or *")
      }
      return check(
        entries.map { ("classes.\(report.classes[$0.index]).\(figure.key)", figure.value($0.drift)) }, bound,
        isEach: name == "*")
    }
  }

  /// - Parameter isEach: whether numbers without a meaning are passed over, as long as there are others.
  private func check(_ numbers: [(key: String, value: Double?)], _ bound: Bound, isEach: Bool) -> String? {
    let known = isEach ? numbers.filter { $0.value != nil } : numbers
    if known.isEmpty { return "\(key) has no value for this model and data" }
    let failures = known.compactMap { number -> String? in
      guard let found = number.value else { return "\(number.key) has no value for this model and data" }
      switch bound {
      case .atLeast: return !(found >= value) ? "\(number.key) is \(found), below \(value)" : nil
      case .atMost: return !(found <= value) ? "\(number.key) is \(found), above \(value)" : nil
      }
    }
    return failures.isEmpty ? nil : failures.joined(separator: "; ")
  }
}

/// A check of a report, for the console, the page and JUnit.
struct GateResult {
  let name: String
  /// Nil when it passed.
  let failure: String?
}
