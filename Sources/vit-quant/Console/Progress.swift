import LibC
import Synchronization
import ViTLite

/// Seconds of a clock that is never set back.
enum Clock {
  static var seconds: Double { Double(MonotonicClock.nanoseconds) * 1e-9 }
}

/// A bar with the rate and the time left, drawn over itself on a terminal and not at all elsewhere.
struct Progress {
  /// Whether a bar is on the terminal. There is one at a time.
  private static let isShown = Atomic<Bool>(false)

  private let console: Console
  private let title: String
  private let unit: String
  private let start = Clock.seconds
  private var lastDrawn = 0.0
  private var lastStage = ""

  init(_ title: String, unit: String = "images", console: Console) {
    self.console = console
    self.title = title
    self.unit = unit
  }

  mutating func update(_ done: Int, of total: Int) {
    guard console.hasProgress, total > 0 else { return }
    let now = Clock.seconds
    guard now - lastDrawn >= 0.1 || done >= total else { return }
    lastDrawn = now
    let rate = Double(done) / max(now - start, 1e-9)
    let left = done > 0 ? NumberText.duration(seconds: Double(total - done) / rate) : "-"
    draw(
      ProgressLine(
        title: title, fraction: Double(done) / Double(total), count: "\(done)/\(total)", left: "\(left) left",
        detail: "\(NumberText.fixed(rate, 1)) \(unit)/s"))
  }

  /// Work that has no even steps.
  /// - Parameters:
  ///   - stage: what is being done.
  ///   - fraction: of the whole work, 0 to 1; the time left assumes that the rest goes on as fast.
  mutating func update(stage: String, fraction: Double) {
    guard console.hasProgress else { return }
    let now = Clock.seconds
    guard now - lastDrawn >= 0.1 || stage != lastStage else { return }
    (lastDrawn, lastStage) = (now, stage)
    let left = fraction > 0.01 ? NumberText.duration(seconds: (now - start) * (1 - fraction) / fraction) : "-"
    draw(
      ProgressLine(
        title: title, fraction: fraction, count: NumberText.percent(fraction, 0), left: "\(left) left", detail: stage))
  }

  private func draw(_ line: ProgressLine) {
    // Asked for each time, since people resize terminals. The last column stays free: some terminals wrap as soon as it
    // is written.
    let text = line.text(columns: TerminalSize.columns(of: STDERR_FILENO) - 1)
    Self.isShown.store(true, ordering: .relaxed)
    console.draw("\(Self.erasure)\(Self.wrapsNot)\(text)\(Self.wraps)\r")
  }

  /// Takes the bar away.
  func finish() {
    guard console.hasProgress else { return }
    Self.isShown.store(false, ordering: .relaxed)
    console.draw("\(Self.erasure)")
  }

  /// Takes away a bar that is there, if any. May be called in a signal's handler, behind `prepare`.
  static func takeAway() {
    if isShown.exchange(false, ordering: .relaxed) {
      _ = write(STDERR_FILENO, erasure.utf8Start, erasure.utf8CodeUnitCount)
    }
  }

  /// Makes what `takeAway` uses, which may not be made while a signal is handled.
  static func prepare() { _ = isShown.load(ordering: .relaxed) }

  /// Back to the first column, and everything behind and below it away.
  ///
  /// The cursor waits in the first column of a bar, not behind it. Most terminals break a line anew that has become too
  /// long for them, and move the cursor along with the character that it stands on: from the first one, all rows that the
  /// bar has become are erased.
  private static var erasure: StaticString { "\r\u{1B}[J" }
  /// A bar that is longer than the row, because the width is not known or has just changed, is cut at its end.
  private static let wrapsNot = "\u{1B}[?7l"
  private static let wraps = "\u{1B}[?7h"
}
