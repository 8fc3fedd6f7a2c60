import Quant

/// A number that a report gives of a `Subject`: what it is called, how it is written, and how it is read.
struct Figure<Subject>: Sendable {
  enum Format: Sendable {
    case count
    /// From 0 to 1; in percent where people read it.
    case share
    case number(decimals: Int, unit: String = "")
  }

  /// Which of two values people would rather have.
  enum Preference: Sendable { case higher, lower }

  /// How much worse than a baseline's number another may be.
  ///
  /// Where both have an interval, by what chance explains: 1.645 times the standard error of their difference, which
  /// two equal models exceed in one of twenty comparisons; but at least by `absolute`, in the unit of the JSON report.
  /// Elsewhere by `absolute`, and more with fewer than 1,000 images, plus `relative`, a share of the baseline's number.
  struct Tolerance: Sendable {
    let absolute: Double
    var relative = 0.0

    func allowance(old: Double, intervals: (old: Double, new: Double)?, samples: Int) -> Double {
      // A little more than the tolerance itself, for numbers that went through decimal digits.
      let rounding = 1e-12
      guard let intervals else {
        let scale = max(1, (1000 / Double(max(samples, 1))).squareRoot())
        return absolute * scale + relative * old.magnitude + rounding
      }
      // Half the width of a 95% interval is 1.96 standard errors.
      let errors = (old: intervals.old / 3.92, new: intervals.new / 3.92)
      let deviation = (errors.old * errors.old + errors.new * errors.new).squareRoot()
      return max(absolute, 1.645 * deviation) + relative * old.magnitude + rounding
    }
  }

  /// Its name in JSON, in gates and in messages.
  let key: String
  let title: String
  /// A title for tables on a terminal.
  let shortTitle: String
  let format: Format
  /// Nil for what is neither good nor bad.
  let preference: Preference?
  /// Nil where a baseline's number is not compared.
  let tolerance: Tolerance?
  /// What it is, in a few words.
  let explanation: String
  /// Nil where the number has no meaning, such as an accuracy without labels.
  let value: @Sendable (Subject) -> Double?
  /// Where the number lies with 95% confidence; nil where that is not known.
  let interval: (@Sendable (Subject) -> ClosedRange<Double>?)?

  init(
    _ key: String, _ title: String, shortTitle: String? = nil, _ format: Format, prefers preference: Preference? = nil,
    tolerance: Tolerance? = nil, explanation: String = "",
    interval: (@Sendable (Subject) -> ClosedRange<Double>?)? = nil, value: @escaping @Sendable (Subject) -> Double?
  ) {
    self.key = key
    self.title = title
    self.shortTitle = shortTitle ?? title
    self.format = format
    self.preference = preference
    self.tolerance = tolerance
    self.explanation = explanation
    self.value = value
    self.interval = interval
  }
}

extension Figure {
  private var unit: String {
    if case .number(_, let unit) = format { unit } else { "" }
  }

  /// The number without its unit; `-` where it has no meaning.
  func text(of subject: Subject) -> String { text(value(subject)) }

  private func text(_ value: Double?) -> String {
    switch format {
    case .count: NumberText.fixed(value, 0)
    case .share: NumberText.percent(value)
    case .number(let decimals, _): NumberText.fixed(value, decimals)
    }
  }

  /// With its unit: `49.48 dB`; nil where it has no meaning.
  func textWithUnit(of subject: Subject) -> String? {
    value(subject).map { withUnit(text($0)) }
  }

  /// `0.10 to 0.35 points`; nil where there is none.
  func intervalText(of subject: Subject) -> String? {
    interval?(subject).map { withUnit("\(text($0.lowerBound)) to \(text($0.upperBound))") }
  }

  private func withUnit(_ text: String) -> String { unit.isEmpty ? text : "\(text) \(unit)" }

  /// The head of a column with this number, whose cells have no unit.
  func heading(isShort: Bool) -> String {
    if unit.isEmpty { return isShort ? shortTitle : title }
    return isShort ? "\(shortTitle) \(unit)" : "\(title), \(unit)"
  }

  func member(of subject: Subject) -> JSON.Member {
    let value = value(subject)
    if case .count = format { return JSON.Member(key: key, value: JSON(value.flatMap { Int(exactly: $0) })) }
    return JSON.Member(key: key, value: JSON(value))
  }

  /// `KEY_interval`, two ends; nil for a figure that has no interval for any subject.
  func intervalMember(of subject: Subject) -> JSON.Member? {
    interval.map { interval in
      let ends = interval(subject).map { JSON.array([.double($0.lowerBound), .double($0.upperBound)]) }
      return JSON.Member(key: "\(key)_interval", value: ends ?? .null)
    }
  }

  /// `logit_sqnr_db 0.5 dB`; nil without a tolerance.
  var toleranceText: String? {
    guard let tolerance else { return nil }
    if tolerance.relative > 0 { return "\(key) \(NumberText.percent(tolerance.relative, 0))" }
    if case .share = format { return "\(key) \(NumberText.shortest(tolerance.absolute))" }
    return "\(key) " + withUnit(NumberText.shortest(tolerance.absolute))
  }

  /// Whether `new` is worse than `old` by more than `allowance`; false for what is neither good nor bad.
  func isWorse(_ new: Double, than old: Double, by allowance: Double) -> Bool {
    guard let preference else { return false }
    // NaN is worse than all.
    return !((preference == .higher ? old - new : new - old) <= allowance)
  }

  /// A number as the figure writes it, with its unit.
  func describe(_ value: Double) -> String { withUnit(text(value)) }
}
