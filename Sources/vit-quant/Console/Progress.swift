import ViTLite

/// Seconds of a clock that is never set back.
enum Clock {
  static var seconds: Double { Double(MonotonicClock.nanoseconds) * 1e-9 }
}

/// A bar with the rate and the time left, drawn over itself on a terminal and not at all elsewhere.
struct Progress {
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
    let bar = Self.bar(Double(done) / Double(total))
    let rate = Double(done) / max(now - start, 1e-9)
    let left = done > 0 ? NumberText.duration(seconds: Double(total - done) / rate) : "-"
    console.draw(
      "\r\u{1B}[K\(title) [\(bar)] \(done)/\(total), \(NumberText.fixed(rate, 1)) \(unit)/s, \(left) left")
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
    let share = NumberText.percent(fraction, 0)
    console.draw("\r\u{1B}[K\(title) [\(Self.bar(fraction))] \(share), \(left) left, \(stage)")
  }

  private static func bar(_ fraction: Double) -> String {
    let filled = min(max(Int(24 * fraction), 0), 24)
    return String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
  }

  /// Takes the bar away.
  func finish() {
    if console.hasProgress { console.draw("\r\u{1B}[K") }
  }
}
