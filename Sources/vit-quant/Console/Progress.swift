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
    let filled = min(24 * done / total, 24)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
    let rate = Double(done) / max(now - start, 1e-9)
    let left = done > 0 ? NumberText.duration(seconds: Double(total - done) / rate) : "-"
    console.draw(
      "\r\u{1B}[K\(title) [\(bar)] \(done)/\(total), \(NumberText.fixed(rate, 1)) \(unit)/s, \(left) left")
  }

  /// Takes the bar away.
  func finish() {
    if console.hasProgress { console.draw("\r\u{1B}[K") }
  }
}
