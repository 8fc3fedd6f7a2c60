/// The phases in the order in which a pass does them, and the loops in which they are repeated. Each kind of plan has
/// its own order.
struct PhaseOrder: Sendable {
  /// What a run of phases is repeated for.
  enum Repetition: Sendable {
    /// The patches, some rows at a time.
    case patchRows
    /// The tokens, some rows at a time.
    case tokenRows
    /// The tokens that something reads after the block, some rows at a time.
    case readRows
    /// The tokens that are pooled by attention, some rows at a time.
    case pooledRows
    /// The blocks of the model.
    case blocks
  }

  struct Loop: Sendable {
    /// Of `phases`.
    var range: Range<Int>
    var repetition: Repetition
  }

  /// The phases of each loop, once. A phase that belongs to several loops is listed in each.
  let phases: [Phase]
  /// Inner loops before those that contain them.
  let loops: [Loop]

  /// All tokens at once.
  ///
  /// - Parameter poolsByAttention: whether one more block makes the pooled vector.
  static func fast(poolsByAttention: Bool) -> PhaseOrder {
    let block = Array(Phase.allCases[Phase.block])
    return PhaseOrder([
      .once(Array(Phase.allCases[Phase.embedding])),
      .blocks([.once(block)]),
      .once([.finalNorm] + (poolsByAttention ? block : []) + [.output]),
    ])
  }

  /// Some tokens at a time: first all keys and values, then everything that needs them.
  ///
  /// - Parameters:
  ///   - splitsQKV: whether queries, keys and values are projected one after the other.
  ///   - poolsByAttention: as above.
  static func lean(splitsQKV: Bool, poolsByAttention: Bool) -> PhaseOrder {
    let pack: [Phase] = [.attnQKV, .attnPack]
    let keys = [.ln1] + pack + (splitsQKV ? pack : [])
    let queries: [Phase] = [
      .ln1, .attnQKV, .attnScores, .attnSoftmax, .attnValues, .attnCombine, .attnQuantize, .attnOut,
    ]
    let mlp: [Phase] = [.ln2, .ffnUp, .ffnActivation, .ffnDown]
    return PhaseOrder(
      [
        .once([.positions]),
        .rows(.patchRows, [.patches, .patchEmbedding]),
        .once([.preNorm]),
        .blocks([.rows(.tokenRows, keys), .rows(.readRows, queries), .rows(.readRows, mlp)]),
        .once([.finalNorm]),
      ] + (poolsByAttention ? [.rows(.pooledRows, keys), .once(queries + mlp)] : []) + [.once([.output])])
  }

  private indirect enum Part {
    case once([Phase])
    case rows(Repetition, [Phase])
    case blocks([Part])
  }

  private init(_ parts: [Part]) {
    var phases: [Phase] = []
    var loops: [Loop] = []
    func add(_ part: Part) {
      let first = phases.count
      switch part {
      case .once(let some): phases += some
      case .rows(let repetition, let some):
        phases += some
        loops.append(Loop(range: first..<phases.count, repetition: repetition))
      case .blocks(let parts):
        for part in parts { add(part) }
        loops.append(Loop(range: first..<phases.count, repetition: .blocks))
      }
    }
    for part in parts { add(part) }
    self.phases = phases
    self.loops = loops
  }
}
