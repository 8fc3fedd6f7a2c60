/// Told by a forward pass when a phase has ended, and when the workers have met. It is a type parameter of the pass, so
/// that `NoObserver` costs nothing.
protocol PhaseObserver {
  func finish(_ phase: Phase)
  /// The workers have met after a phase.
  func met(after phase: Phase)
}

/// Nothing is measured.
struct NoObserver: PhaseObserver {
  @inline(__always)
  func finish(_ phase: Phase) {}
  @inline(__always)
  func met(after phase: Phase) {}
}

/// The time of each phase, and of waiting for the other workers, on one worker.
final class PhaseTimer: PhaseObserver {
  /// Nanoseconds of each phase since `start`, by its raw value.
  private(set) var times = [UInt64](repeating: 0, count: Phase.allCases.count)
  /// Nanoseconds of waiting.
  private(set) var waiting: UInt64 = 0
  private var previous: UInt64 = 0
  private let now: () -> UInt64

  /// - Parameter now: nanoseconds of a clock that is never set back.
  init(now: @escaping () -> UInt64) { self.now = now }

  /// Begins a pass: all times are 0.
  func start() {
    for index in times.indices { times[index] = 0 }
    waiting = 0
    previous = now()
  }

  func finish(_ phase: Phase) { times[phase.rawValue] &+= lap() }

  func met(after phase: Phase) { waiting &+= lap() }

  private func lap() -> UInt64 {
    let current = now()
    defer { previous = current }
    return current &- previous
  }
}
