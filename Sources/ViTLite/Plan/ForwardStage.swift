/// What the int8 forward pass spends its time on.
public enum ForwardStage: Int, CaseIterable, Sendable {
  /// Gathering the patches and their product.
  case patchEmbedding
  /// LayerNorm with the quantization of its output.
  case norm
  case queriesKeysValues
  /// Keys and values as packed weights.
  case pack
  /// Quantized queries times keys.
  case scores
  case softmax
  case weightedValues
  /// The attention output, brought to one scale and quantized.
  case combine
  case projection
  case fc1
  /// GELU with the quantization of its output.
  case gelu
  case fc2
  /// The final norm, pooling and the head.
  case readout
  /// Waiting for the other workers.
  case barrier

  /// The key in `bench --json --profile`.
  public var name: String {
    switch self {
    case .patchEmbedding: "patch_embedding"
    case .norm: "norm"
    case .queriesKeysValues: "qkv"
    case .pack: "pack"
    case .scores: "scores"
    case .softmax: "softmax"
    case .weightedValues: "weighted_values"
    case .combine: "combine"
    case .projection: "projection"
    case .fc1: "fc1"
    case .gelu: "gelu"
    case .fc2: "fc2"
    case .readout: "readout"
    case .barrier: "barrier"
    }
  }
}

/// Told by a forward pass where each stage ends. A type parameter, so that a pass that nobody observes has no trace of it.
protocol StageObserver {
  func finish(_ stage: ForwardStage)
}

/// Nothing is measured.
struct UnobservedStages: StageObserver {
  @inline(__always)
  func finish(_ stage: ForwardStage) {}
}

/// The time of each stage, on one worker.
final class StageTimer: StageObserver {
  /// Nanoseconds of each stage since `start`.
  private(set) var times = [UInt64](repeating: 0, count: ForwardStage.allCases.count)
  private var previous: UInt64 = 0

  /// Begins a pass: all times are 0.
  func start() {
    for index in times.indices { times[index] = 0 }
    previous = MonotonicClock.nanoseconds
  }

  /// Gives the time since the last stage's end to this one.
  func finish(_ stage: ForwardStage) {
    let now = MonotonicClock.nanoseconds
    times[stage.rawValue] &+= now &- previous
    previous = now
  }
}
