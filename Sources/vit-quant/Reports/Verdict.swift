import Quant
import ViTLite

/// Whether an int8 model can stand in for its float model, judged by limits that are stated.
struct Verdict {
  enum Level: String, Comparable, Sendable {
    case good
    case watch
    case bad

    private var rank: Int { self == .good ? 0 : self == .watch ? 1 : 2 }
    static func < (a: Level, b: Level) -> Bool { a.rank < b.rank }

    /// What it means, in a few words.
    var words: String {
      switch self {
      case .good: "int8 can stand in for fp32"
      case .watch: "look closer before using it"
      case .bad: "int8 is not the same model"
      }
    }
  }

  /// One thing that was judged.
  struct Criterion {
    let title: String
    let level: Level
    /// The number and what it means.
    let finding: String
    /// What would be good, and what bad.
    let limits: String
  }

  /// The limits.
  enum Limit {
    /// Percentage points of accuracy.
    static let drop = 1.0
    static let significance = 0.05
    /// Shares of images with the same answer: good from, bad below.
    static let agreement = (good: 0.97, bad: 0.93)
    /// Of the output, in dB.
    static let sqnr = (good: 20.0, bad: 10.0)
    static let cosine = (good: 0.99, bad: 0.95)
    static let neighbours = (good: 0.9, bad: 0.75)
    /// Share of the input's values that are clipped.
    static let outside = (good: 0.001, bad: 0.02)
    /// Images below which any accuracy is a guess.
    static let fewImages = 100
    /// Images below which everybody is a neighbour.
    static let fewNeighbours = 10
  }

  let criteria: [Criterion]

  var level: Level { criteria.map(\.level).max() ?? .watch }

  init(_ summary: DriftSummary, causes: [Cause]) {
    let criteria = [
      Self.accuracy(summary), Self.agreement(summary), Self.noise(summary), Self.vector(summary),
      Self.neighbours(summary), Self.input(summary), Self.faults(causes),
    ].compactMap { $0 }
    // The worst first, otherwise in their order.
    self.criteria = [Level.bad, .watch, .good].flatMap { level in criteria.filter { $0.level == level } }
  }

  /// What is wrong whatever the numbers say.
  private static func faults(_ causes: [Cause]) -> Criterion? {
    let faults = causes.filter(\.isFault)
    guard let first = faults.first else { return nil }
    let others = faults.count > 1 ? " (and \(faults.count - 1) more)" : ""
    return Criterion(
      title: "File and data", level: .watch, finding: first.finding + others,
      limits: "good: weights of this float model, calibrated on images like these")
  }

  private static func level(_ value: Double, _ limits: (good: Double, bad: Double)) -> Level {
    value >= limits.good ? .good : value >= limits.bad ? .watch : .bad
  }

  private static func accuracy(_ summary: DriftSummary) -> Criterion? {
    guard let drop = summary.top1Drop, let p = summary.mcnemarP, let interval = summary.top1DropInterval else {
      return nil
    }
    let isSignificant = p < Limit.significance
    let (lost, won) = (summary.onlyReferenceRight, summary.onlyQuantizedRight)
    let level: Level
    let meaning: String
    if drop > Limit.drop, isSignificant {
      (level, meaning) = (.bad, "a real loss")
    } else if isSignificant, drop > 0 {
      (level, meaning) = (.watch, "a small loss, but not chance")
    } else if interval.upperBound > Limit.drop {
      let few = summary.labelled < Limit.fewImages ? "only \(summary.labelled) images: " : ""
      (level, meaning) = (.watch, "\(few)too few to rule out a loss of \(NumberText.shortest(Limit.drop)) point")
    } else {
      (level, meaning) = (.good, isSignificant ? "int8 is better" : "no difference beyond chance")
    }
    let change =
      drop == 0 ? "stays the same" : "\(drop < 0 ? "rises" : "drops") by \(NumberText.fixed(drop.magnitude, 2)) points"
    let ends = "a drop of \(NumberText.fixed(interval.lowerBound, 2)) to \(NumberText.fixed(interval.upperBound, 2))"
    return Criterion(
      title: "Accuracy", level: level,
      finding:
        "Top-1 \(change) (95%: \(ends)): \(meaning). Only fp32 is right on \(lost) images, only int8 "
        + "on \(won); exact McNemar test p = \(NumberText.fixed(p, p < 0.001 ? 6 : 3)).",
      limits: "good: no loss beyond chance, and one of over 1 point is ruled out; bad: over 1 point and p < 0.05")
  }

  private static func agreement(_ summary: DriftSummary) -> Criterion? {
    guard let agreement = summary.agreement, let interval = summary.agreementInterval else { return nil }
    let few = summary.compared < Limit.fewImages
    let ends = "\(NumberText.percent(interval.lowerBound)) to \(NumberText.percent(interval.upperBound))"
    var level = level(agreement, Limit.agreement)
    if few, interval.lowerBound < Limit.agreement.bad { level = max(level, .watch) }
    return Criterion(
      title: "Answers", level: level,
      finding: "Both models give the same answer on \(NumberText.percent(agreement)) of the images (95%: \(ends))"
        + (few ? "; \(summary.compared) images are few." : "."),
      limits: "good: from 97%; bad: below 93%")
  }

  private static func noise(_ summary: DriftSummary) -> Criterion? {
    guard let sqnr = summary.outputSQNR else { return nil }
    let what = summary.logitSQNR == nil ? "final tokens" : "logits"
    let times = "1/\(NumberText.fixed(Self.amplitude(sqnr), 0))"
    return Criterion(
      title: "Noise", level: level(sqnr, Limit.sqnr),
      finding: "The \(what) are \(NumberText.fixed(sqnr, 1)) dB above the noise of quantization: errors are "
        + "\(sqnr >= 6 ? "about \(times) of" : "as large as") the signal.",
      limits: "good: from 20 dB; bad: below 10 dB")
  }

  /// The ratio of amplitudes that a number of decibels stands for.
  private static func amplitude(_ decibels: Double) -> Double {
    var ratio = 1.0
    // 20 dB are a factor of 10; a step of 0.1 dB is one of 1.01158.
    for _ in 0..<max(Int((decibels * 10).rounded()), 0) { ratio *= 1.0115794542599 }
    return ratio
  }

  private static func vector(_ summary: DriftSummary) -> Criterion? {
    guard let cosine = summary.pooledCosine else { return nil }
    return Criterion(
      title: "Embedding", level: level(cosine, Limit.cosine),
      finding: "The vectors of an image in both models have a cosine of \(NumberText.fixed(cosine, 4)).",
      limits: "good: from 0.99; bad: below 0.95")
  }

  private static func neighbours(_ summary: DriftSummary) -> Criterion? {
    guard let share = summary.neighbourAgreement, let count = summary.neighbours?.count, count >= Limit.fewNeighbours
    else { return nil }
    var level = level(share, Limit.neighbours)
    if count < Limit.fewImages { level = level == .bad ? .watch : level }
    return Criterion(
      title: "Neighbours", level: level,
      finding:
        "\(NumberText.percent(share, 1)) of \(NumberText.grouped(count)) images have the same nearest neighbour.",
      limits: "good: from 90%; bad: below 75%; with fewer than 100 images never bad")
  }

  private static func input(_ summary: DriftSummary) -> Criterion? {
    guard let outside = summary.clippedInputs, outside > Limit.outside.good else { return nil }
    return Criterion(
      title: "Data", level: outside > Limit.outside.bad ? .bad : .watch,
      finding: "\(NumberText.percent(outside, 1)) of the images' values are beyond what the model's pixels can be, and "
        + "are clipped.", limits: "good: below 0.1%; bad: above 2%")
  }
}
