#if !hasFeature(Embedded)
  import Int8Kernels

  /// Looks at the buffers of a forward pass between its phases, and may overwrite them: for reports, which compare what
  /// each phase gives with the float model's values, and which give a phase exact values to work on.
  package protocol PassProbe: AnyObject {
    /// Called when a phase is done, before the next one begins.
    /// - Parameter block: 0 before the first block; the number of blocks after the last.
    func probe(_ phase: Phase, block: Int, _ buffers: PassBuffers)
  }

  /// The buffers that hold whole activations, in the fast plan: all tokens at once.
  package struct PassBuffers {
    /// Tokens x width, in units of 2^-`residualFractionBits`.
    package let residual: Matrix<Int32>
    /// Tokens x 3 width: valid after `attnQKV`.
    package let qkv: Matrix<Int16>
    /// Tokens x width: valid after `attnCombine`.
    package let attention: Matrix<Int16>
    /// Tokens x MLP width: valid after `ffnUp` and, with GELU applied, after `ffnActivation`.
    package let hidden: Matrix<Int16>
    /// 1 x (segments x width): valid after `output`.
    package let headInput: Matrix<Int16>

    init(_ arena: InferenceArena) {
      residual = arena.residual
      qkv = arena.qkv
      attention = arena.attention
      hidden = arena.hidden
      headInput = arena.headInput
    }
  }

  /// Tells a probe where the pass is.
  final class ProbeObserver: PhaseObserver {
    private let probe: any PassProbe
    private let buffers: PassBuffers
    private var block = 0

    init(_ probe: any PassProbe, _ arena: InferenceArena) {
      self.probe = probe
      buffers = PassBuffers(arena)
    }

    func finish(_ phase: Phase) {}

    func met(after phase: Phase) {
      probe.probe(phase, block: block, buffers)
      if phase == .ffnDown { block += 1 }
    }
  }
#endif
