#if !hasFeature(Embedded)
  import CKernels
  import Synchronization

  /// One of the threads that work on an inference together.
  ///
  /// All run the same code, phase after phase. Each has its share of a phase and takes it piece by piece; who has
  /// finished takes pieces of the others' shares, and a phase ends when all of its work is done, whoever did it. So a
  /// thread that the system has put aside holds up nobody, unless it was put aside with a piece in its hands.
  final class Worker {
    /// 0 ..< count; what belongs to a worker alone is found by it.
    let index: Int
    private let board: WorkBoard
    /// The phase that this worker has come to, as the board counts them.
    private var step: UInt32 = 0

    init(index: Int, board: WorkBoard) {
      self.index = index
      self.board = board
    }

    /// Workers in the team.
    var count: Int { board.workers }

    /// The phase that the next run begins with.
    func begin(at step: UInt32) { self.step = step }

    /// Works on a phase until nothing of it is left to take.
    ///
    /// - Parameters:
    ///   - total: items of the phase.
    ///   - unit: items that belong together.
    ///   - body: called with the items of each piece, which begin at a multiple of `unit`.
    @inline(__always)
    func take(_ total: Int, unit: Int, _ body: (Range<Int>) -> Void) {
      guard board.workers > 1 else {
        if total > 0 { body(0..<total) }
        return
      }
      for turn in 0..<board.workers {
        // Shares are even, so that the others are about to finish theirs, as a rule.
        if turn == 1, board.isOverSoon(step) { return }
        let owner = (index + turn) % board.workers
        let share = board.share(of: total, unit: unit, owner: owner)
        let size = board.pieceSize(share.count, unit: unit)
        var done = 0
        while let first = board.claim(size, of: share, owner: owner, in: step) {
          let piece = first..<min(first + size, share.upperBound)
          body(piece)
          done += piece.count
        }
        if done > 0 { board.finish(done, of: total, in: step) }
      }
    }

    /// Waits until all of the phase's work is done, whoever does it, and goes on to the next phase. Every worker calls
    /// it once after each `take`, with the same total.
    func finishPhase(_ total: Int) {
      guard board.workers > 1, total > 0 else { return }
      board.wait(for: step)
      step &+= 1
    }
  }

  /// What the workers of a team share: the phase that is being worked on, how much of each worker's share has been
  /// taken and how much of the phase is done.
  @safe
  final class WorkBoard: @unchecked Sendable {
    /// Pieces of a share: more of them make waits shorter when a thread is put aside, fewer take less time to hand out.
    private static let piecesPerShare = 2

    /// Looks at the board before a waiting thread gives its processor away: tens of microseconds.
    static let spins = 1024

    /// Looks at the board before a worker turns to the others' shares.
    private static let glances = 256

    /// 64-bit numbers from one share's state to the next: two cache lines, which processors fetch together.
    private static let stateStride = 16

    let workers: Int
    /// For each share: in the upper 32 bits the last phase of which something has been taken, in the lower ones how
    /// many items of it.
    private let shares: UnsafeMutablePointer<Atomic<UInt64>>
    private let current = Atomic<UInt32>(0)
    private let done = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let lock = Lock()

    init(workers: Int) {
      self.workers = workers
      unsafe shares = .allocate(capacity: workers * Self.stateStride)
      for index in 0..<workers * Self.stateStride { unsafe (shares + index).initialize(to: Atomic(0)) }
    }

    deinit {
      unsafe shares.deinitialize(count: workers * Self.stateStride)
      unsafe shares.deallocate()
    }

    /// The phase that is being worked on.
    var step: UInt32 { current.load(ordering: .acquiring) }

    /// A worker's share of a phase: whole units, as even as they can be; the first workers get what cannot be shared.
    func share(of total: Int, unit: Int, owner: Int) -> Range<Int> {
      let units = (total + unit - 1) / unit
      let low = (units * owner + workers - 1) / workers * unit
      let high = (units * (owner + 1) + workers - 1) / workers * unit
      return min(low, total)..<min(high, total)
    }

    /// Items of a piece, whole units.
    func pieceSize(_ count: Int, unit: Int) -> Int {
      let units = (count + unit - 1) / unit
      // Several units at least where they are small: a kernel takes up to four panels at a time.
      let least = unit > 1 ? 4 : 1
      return max((units + Self.piecesPerShare - 1) / Self.piecesPerShare, least) * unit
    }

    /// Takes the next piece of a share.
    ///
    /// - Returns: its first item; nil when nothing is left, or the phase is over.
    func claim(_ size: Int, of share: Range<Int>, owner: Int, in step: UInt32) -> Int? {
      let place = unsafe shares + owner * Self.stateStride
      var state = unsafe place.pointee.load(ordering: .acquiring)
      while true {
        // Of an earlier phase: nothing has been taken yet. Of a later one: this worker is late.
        let difference = Int32(bitPattern: UInt32(truncatingIfNeeded: state >> 32) &- step)
        let taken = difference == 0 ? Int(state & 0xFFFF_FFFF) : 0
        guard difference <= 0, taken < share.count else { return nil }
        let next = UInt64(step) << 32 | UInt64(min(taken + size, share.count))
        let (exchanged, original) = unsafe place.pointee.compareExchange(
          expected: state, desired: next, ordering: .acquiringAndReleasing)
        if exchanged { return share.lowerBound + taken }
        state = original
      }
    }

    /// Says that some items are done; with the last of them the next phase begins.
    func finish(_ count: Int, of total: Int, in step: UInt32) {
      guard done.add(count, ordering: .acquiringAndReleasing).newValue == total else { return }
      done.store(0, ordering: .relaxed)
      // Either this thread sees a sleeper, or the sleeper sees the new phase: both are in one order for all.
      current.store(step &+ 1, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 { lock.change {} }
    }

    /// Looks for about a microsecond whether a phase is over.
    func isOverSoon(_ step: UInt32) -> Bool {
      for _ in 0..<Self.glances where self.step != step { return true }
      return false
    }

    /// Waits until a phase is over: for a short time with the processor, then without.
    func wait(for step: UInt32) {
      for _ in 0..<Self.spins {
        if self.step != step { return }
        vq_pause()
      }
      sleepers.add(1, ordering: .sequentiallyConsistent)
      lock.wait(until: { current.load(ordering: .sequentiallyConsistent) != step }) {}
      sleepers.subtract(1, ordering: .relaxed)
    }
  }
#endif
