import Int8Kernels

/// What an inference hands out: integers, and the scales that turn them into numbers.
public struct IntegerOutput: Sendable {
  /// One for each class; nil when the model has no head.
  public let logits: [Int32]?
  /// `logit = integer * logitScale`
  public let logitScale: Float
  /// `tokens x width`, after the final norm or, where that follows the pooling, before it; empty where they are not
  /// kept: with a head that reads a few, and no hidden states kept.
  public let finalTokens: [Int32]
  /// `final token value = integer * finalTokenScale`
  public let finalTokenScale: Float
  /// What a model without a head makes of an image, in units of `embeddingScale`: its projection, what enters its
  /// pooler's `tanh`, or the pooled vector; nil with a head.
  public let embedding: [Int32]?
  /// `embedding value = integer * embeddingScale`
  public let embeddingScale: Float
  private let hasPooler: Bool
  private let hasProjection: Bool
  /// The residual stream entering block 0, ... leaving the last, each `tokens x width`; empty unless kept.
  private let states: [Int32]
  private let stateCount: Int
  private let residualScale: Float
  private let labels: [String]

  /// - Parameter hiddenStates: what a pass kept in `HiddenStates`; empty when nothing was kept.
  init(_ result: ResultView, hiddenStates: [Int32]) {
    let configuration = result.model.configuration
    labels = configuration.labels
    stateCount = configuration.tokens * configuration.width
    states = Array(hiddenStates.prefix((configuration.depth + 1) * stateCount))
    logitScale = result.logitScale
    finalTokenScale = result.finalTokenScale
    residualScale = ResultView.scale(result.model.residualFractionBits)
    finalTokens = hiddenStates.isEmpty ? result.finalTokens.array() : Array(hiddenStates.suffix(stateCount))
    logits = result.logits?.array()
    embedding = result.embedding?.array()
    embeddingScale = result.embeddingScale
    hasPooler = result.hasPooler
    hasProjection = result.model.head == nil && result.model.projection != nil
  }

  #if !hasFeature(Embedded)
    /// The `k` most probable classes, the most probable first; of equally probable ones the first. Fewer where the
    /// model has fewer, and none when it has no head.
    ///
    ///     output.top(1).first?.label      // "Ankle boot"
    public func top(_ k: Int) -> [Classification] {
      Classification.top(k, of: dequantizedLogits ?? [], labels: labels)
    }
  #endif

  /// The logits as numbers, one for each class; nil when the model has no head.
  public var dequantizedLogits: [Float]? { logits?.map { Float($0) * logitScale } }

  /// `finalTokens` as numbers, `tokens x width`.
  public var dequantizedFinalTokens: [Float] { finalTokens.map { Float($0) * finalTokenScale } }

  /// The tokens that the float reference calls its last hidden state: after the final norm or, where the norm follows
  /// the pooling, the stream that leaves the last block. Nil where it was not kept.
  public var lastHiddenState: [Float]? { finalTokens.isEmpty ? nil : dequantizedFinalTokens }

  /// The projection of the pooled vector; nil without a projection.
  public var imageEmbedding: [Float]? {
    hasProjection ? embedding?.map { Float($0) * embeddingScale } : nil
  }

  #if !hasFeature(Embedded)
    /// The pooler's output, `tanh` included; the pooled vector of a model without a pooler. Nil with a head or a
    /// projection.
    public var poolerOutput: [Float]? {
      guard !hasProjection else { return nil }
      return embedding?.map { ResultView.embeddingValue($0, scale: embeddingScale, hasPooler: hasPooler) }
    }
  #endif

  /// The residual stream entering block 0, ... leaving the last, each `tokens x width`; empty unless kept.
  public var hiddenStates: [[Float]] {
    stride(from: 0, to: states.count, by: max(stateCount, 1)).map { first in
      states[first..<first + stateCount].map { Float($0) * residualScale }
    }
  }

  /// CRC-32 of the integer logits, or of the final tokens' integers when there is no head, as little-endian int32.
  public var crc32: UInt32 {
    // Integers lie in memory as little-endian bytes: models are read in place, so no other order can run them.
    let integers = logits ?? finalTokens
    return unsafe CRC32.checksum(of: integers.span.bytes)
  }
}
