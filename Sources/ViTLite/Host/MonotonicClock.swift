#if !hasFeature(Embedded)
  import LibC

  /// A clock that is never set back.
  package enum MonotonicClock {
    /// Since some moment in the past.
    package static var nanoseconds: UInt64 {
      var time = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &time)
      return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
  }
#endif
