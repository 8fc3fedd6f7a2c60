import ViTLite

/// What a family's `config.json` means where it leaves keys out, and its keys where families differ.
struct ConfigurationDefaults: Sendable {
  enum MLPWidth: Sendable {
    /// `intermediate_size`, or this.
    case width(Int)
    /// `intermediate_size`, or this many times the model's width.
    case multiple(Int)
    /// `mlp_ratio`, or this, times the model's width.
    case ratio(Double)
  }

  /// The key of the number of register tokens.
  struct Registers: Sendable {
    var key: String
    var count: Int
  }

  /// A value that stands for a variant which this package does not run.
  struct Refusal: Sendable {
    var key: String
    var value: Bool
    /// What the value stands for, as messages name it.
    var variant: String
  }

  /// Nil where the key must be there, as for the other dimensions.
  var width: Int?
  var imageSide: Int?
  var patchSize: Int?
  var depth: Int?
  var heads: Int?
  var mlpWidth: MLPWidth
  var layerNormEpsilon: Double
  /// Nil in a family without registers.
  var registers: Registers?
  /// The key that says how tokens are pooled; nil where the family leaves no choice.
  var poolingKey: String?
  /// Whether the names of classes decide how many there are, before `num_labels` does.
  var labelsDecideClasses = false
  var refusals: [Refusal] = []
}
