import Int8Kernels
import Quant
import ViTLite

/// What `selftest` finds out about one instruction set.
struct SelfTest {
  let instructionSet: InstructionSet
  let comparison: ComparisonResult
  /// Billions of operations a second on one thread: of a product of ViT-Base's MLP, and of the processor at its best;
  /// nil where the instruction set has no peak loop.
  let productRate: Double?
  let peakRate: Double?

  /// Nil where this machine does not have the instruction set.
  init?(of instructionSet: InstructionSet) {
    guard let comparison = instructionSet.compareThoroughly() else { return nil }
    self.init(
      instructionSet: instructionSet, comparison: comparison,
      productRate: ProductProbe(of: instructionSet).map { probe in
        Self.rate {
          probe.run()
          return probe.operations
        }
      },
      peakRate: instructionSet.runPeakLoop(rounds: 1).map { _ in
        Self.rate { instructionSet.runPeakLoop(rounds: Self.peakRounds) ?? 0 }
      })
  }

  init(instructionSet: InstructionSet, comparison: ComparisonResult, productRate: Double?, peakRate: Double?) {
    self.instructionSet = instructionSet
    self.comparison = comparison
    self.productRate = productRate
    self.peakRate = peakRate
  }

  /// Rounds of the peak loop in one run: a few milliseconds.
  private static let peakRounds: Int64 = 1_000_000

  /// Of the fastest of some runs, because a disturbance can only make a run slower.
  /// - Parameter run: gives its number of operations.
  private static func rate(of run: () -> Int64) -> Double {
    var best = 0.0
    for _ in 0..<10 {
      let start = Clock.seconds
      let operations = run()
      best = max(best, Double(operations) / max(Clock.seconds - start, 1e-9) / 1e9)
    }
    return best
  }

  var isEqual: Bool { comparison.differing.isEmpty }

  var json: JSON {
    [
      "isa": .string(instructionSet.name), "cases": .integer(comparison.cases), "equal": .bool(isEqual),
      "gops": JSON(productRate), "peak_gops": JSON(peakRate),
    ]
  }

  /// A title and a row for each.
  static func table(_ tests: [SelfTest]) -> TextTable {
    var table = TextTable([.left, .right, .left, .right, .right])
    table.add(["Set", "Cases", "Equal", "Gop/s", "Of its peak"])
    for test in tests {
      let share = test.productRate.flatMap { rate in test.peakRate.map { rate / $0 } }
      table.add([
        test.instructionSet.name, NumberText.grouped(test.comparison.cases), test.isEqual ? "yes" : "NO",
        NumberText.fixed(test.productRate, 1), NumberText.percent(share, 1),
      ])
    }
    return table
  }

  /// What is wrong, in a line; nil when all are equal.
  static func problem(in tests: [SelfTest]) -> String? {
    let wrong = tests.filter { !$0.isEqual }.map { test in
      let kernels = test.comparison.differing.map(\.rawValue)
      return "\(kernels.joined(separator: ", ")) of \(test.instructionSet)"
    }
    guard !wrong.isEmpty else { return nil }
    return "other integers than the portable kernels', \(wrong.joined(separator: "; ")), expected the same"
  }
}
