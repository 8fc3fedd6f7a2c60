import ViTLite

/// A family of checkpoints: what its `config.json` leaves out, what its tensors are called, and what they mean.
///
/// Everything that depends on the family reads a field of its row. A new family is a file with a row, named in `all`.
package struct Family: Sendable {
  /// `model_type` in `config.json`. The model file carries it too, to say where a model comes from.
  package var name: String
  /// What the row runs, as documents list it.
  package var title: String
  /// Of the values in `config.json`.
  var defaults: ConfigurationDefaults
  var tensors: TensorNames
  /// Whether a learned table of positions is resampled with antialiasing, to run at another image size.
  var antialiasesPositions = false
  var normBeforeBlocks = false
  var attentionScaling: AttentionScaling = .scores
  var readout: ReadoutRule
  /// What images go through where the folder has no `preprocessor_config.json`.
  var preprocessing: PreprocessingSource
  /// Whether the family's own summary of its layers lists Dropout, which does nothing at inference.
  package var listsDropout = false
}

extension Family {
  /// All that this package reads, in the order of its messages.
  package static let all: [Family] = [
    .viT, .deiT, .viTMSN, .viTMAE, .iJEPA, .dinoV2, .dinoV2WithRegisters, .dinoV3, .clipVision, .clip,
    .metaCLIP2Vision, .metaCLIP2, .sigLIPVision, .sigLIP, .timmViT, .timmEva, .seedViT,
  ]

  /// The row of a `model_type`; nil for one that this package does not read.
  package init?(named name: String) {
    guard let family = Self.all.first(where: { $0.name == name }) else { return nil }
    self = family
  }
}

/// Where attention is scaled.
package enum AttentionScaling: Sendable {
  /// The scores, by `1/sqrt(head width)`: Vaswani et al., "Attention Is All You Need", 2017.
  case scores
  /// The probabilities, by `1/sqrt(width)`: the seed implementation.
  case probabilities

  /// The factors on `q . k` and on the softmax's output.
  func factors(width: Int, heads: Int) -> (scores: Float, probabilities: Float) {
    switch self {
    case .scores: (1 / Float(width / heads).squareRoot(), 1)
    case .probabilities: (1, 1 / Float(width).squareRoot())
    }
  }
}

/// What a family's head reads, and a backbone without one gives.
enum ReadoutRule: Sendable {
  case always(Readout)
  case withHead(Readout, without: Readout)
  /// Attention pooling where the checkpoint has it and no head: a head reads the other.
  case attentionPooling(other: Readout)
  /// timm's: what `global_pool` says, or where it says nothing this, as far as there is a class token.
  case pooling(usual: CheckpointConfiguration.Pooling)

  /// With a head, where neither configuration nor tensors say otherwise.
  var usual: Readout {
    switch self {
    case .always(let readout), .withHead(let readout, without: _): readout
    case .attentionPooling: .attentionPooling
    case .pooling: .classToken
    }
  }
}

/// Where a family's preprocessing is described.
enum PreprocessingSource: Sendable {
  case nowhere
  /// By an image processor of transformers, which has a default for everything.
  case processor(ImageProcessor)
  /// In `config.json`, as timm has it.
  case configuration
}
