#if !hasFeature(Embedded)
  import Int8Kernels

  /// Looks at the buffers of a forward pass between its phases, and may overwrite them: for reports, which compare what
  /// each phase gives with the float model's values, and which give a phase exact values to work on.
  package protocol PassProbe: AnyObject {
    /// Called when a phase is done, before the next one begins.
    /// - Parameter block: 0 before the first block; the number of blocks after the last.
    func probe(_ phase: Phase, block: Int, _ buffers: PassBuffers)
  }

  /// The buffers that hold whole activations, in the fast plan: all tokens at once. In the block that pools by attention
  /// only what it computes: queries, keys and values of the tokens that are pooled, and one row of what follows.
  package struct PassBuffers {
    /// Tokens x width, in units of 2^-`residualFractionBits`. Where the tokens are pooled by attention: those, and the
    /// result of attention from `attnOut` on.
    package let residual: Matrix<Int32>
    /// Tokens x 3 width: valid after `attnQKV`; after `attnCombine` with queries and keys normed and rotated.
    package let qkv: Matrix<Int16>
    /// Tokens x width: valid after `attnCombine` and, normed, after `attnQuantize`.
    package let attention: Matrix<Int16>
    /// Tokens x MLP width, with a gate twice as wide: valid after `ffnUp`. After `ffnActivation` its first columns are
    /// what `ffnDown` reads.
    package let hidden: Matrix<Int16>
    /// 1 x (segments x width): valid after `output`.
    package let headInput: Matrix<Int16>

    /// - Parameters:
    ///   - residual: rows of the residual stream.
    ///   - keys: rows of queries, keys and values.
    ///   - queries: rows of what follows.
    fileprivate init(_ arena: InferenceArena, residual: Range<Int>, keys: Int, queries: Int) {
      self.residual = arena.residual.rows(residual)
      qkv = arena.qkv.rows(0..<keys)
      attention = arena.attention.rows(0..<queries)
      hidden = arena.hidden.rows(0..<queries)
      headInput = arena.headInput
    }
  }

  /// Tells a probe where the pass is.
  final class ProbeObserver: PhaseObserver {
    private let probe: any PassProbe
    private let arena: InferenceArena
    private var block = 0

    init(_ probe: any PassProbe, _ arena: InferenceArena) {
      self.probe = probe
      self.arena = arena
    }

    func finish(_ phase: Phase) {}

    func met(after phase: Phase) {
      probe.probe(phase, block: block, buffers(after: phase))
      if phase == .ffnDown { block += 1 }
    }

    private func buffers(after phase: Phase) -> PassBuffers {
      let configuration = arena.plan.outline.configuration
      let tokens = configuration.tokens
      guard block == configuration.depth, Phase.block.contains(phase.rawValue) else {
        return PassBuffers(arena, residual: 0..<tokens, keys: tokens, queries: tokens)
      }
      let pooled = configuration.pooledTokens
      let hasResult = phase.rawValue >= Phase.attnOut.rawValue
      return PassBuffers(arena, residual: hasResult ? 0..<1 : pooled, keys: pooled.count, queries: 1)
    }
  }
#endif
