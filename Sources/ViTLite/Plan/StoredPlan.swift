/// The places of an inference's buffers as a model file holds them: computed when the model is made, checked when it is
/// loaded. They are those of one worker; a team of several has other buffers, whose places are computed.
package struct StoredPlan: Sendable, Equatable {
  /// The number of the list of buffers, their shapes and lifetimes that the places are for. Whoever changes `Buffer`,
  /// `BufferShapes`, `Phase` or `PhaseOrder` so that other places result raises it: places of another version are not
  /// used, but computed.
  package static let version = 4

  /// Tokens that go through a phase at a time.
  package var rows: Int
  /// One for each buffer, in the order of `Buffer`, in units of `MemoryPlan.alignment` bytes.
  package var offsets: [Int]

  package init(rows: Int, offsets: [Int]) {
    self.rows = rows
    self.offsets = offsets
  }
}

/// The stored plans of a model; nil where the file has none.
package struct StoredPlans: Sendable, Equatable {
  package var fast: StoredPlan?
  package var lean: StoredPlan?

  package init() {}

  package subscript(kind: PlanKind) -> StoredPlan? {
    get {
      switch kind {
      case .fast: fast
      case .lean: lean
      }
    }
    set {
      switch kind {
      case .fast: fast = newValue
      case .lean: lean = newValue
      }
    }
  }
}

extension ForwardPlan {
  /// The places of this plan's buffers, to be stored.
  package var stored: StoredPlan {
    StoredPlan(rows: rows, offsets: memory.buffers.map { $0.offset / MemoryPlan.alignment })
  }

  /// The plan of one worker with stored places.
  ///
  /// - Throws: where a plan of this kind cannot take so many tokens at a time, where there is not a place for each buffer,
  ///   or where one lies outside the arena or on another that is needed at the same time.
  package init(_ outline: ModelOutline, kind: PlanKind, checking stored: StoredPlan) throws(MisplacedBuffer) {
    let tokens = outline.configuration.tokens
    let isValid = kind == .lean && stored.rows > 0 && stored.rows < tokens && stored.rows.isMultiple(of: 16)
    guard isValid || stored.rows == tokens else {
      throw MisplacedBuffer(name: "all buffers\" for \"\(stored.rows) tokens")
    }
    try self.init(outline, kind: kind, rows: stored.rows, workers: 1) { (requests) throws(MisplacedBuffer) in
      try MemoryPlan(requests, at: stored.offsets)
    }
  }
}
