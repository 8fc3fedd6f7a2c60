import ViTLite

/// What a family's `config.json` means where it leaves keys out, and its keys where families differ.
struct ConfigurationDefaults: Sendable {
  enum MLPWidth: Sendable {
    /// `intermediate_size`, or this.
    case width(Int)
    /// `intermediate_size`, or this many times the model's width.
    case multiple(Int)
    /// `mlp_ratio`, or this, times the model's width; two thirds of that, in whole eights, for a gated MLP.
    case ratio(Double)
  }

  /// The key of the number of register tokens.
  struct Registers: Sendable {
    var key: String
    var count: Int
  }

  /// The key that says whether MLPs are gated.
  struct Gate: Sendable {
    var key: String
    /// Of a gated MLP; nil where the configuration's applies.
    var activation: ActivationFunction?
  }

  /// A bias that layers of a family have or not.
  enum Bias: Sendable {
    case always
    case never
    /// What the key says; the second where it says nothing.
    case key(String, default: Bool)
    /// Layers whose checkpoints have a bias tensor.
    case whereThereIsOne
  }

  struct Biases: Sendable {
    var patchEmbedding: Bias = .always
    var query: Bias = .key("qkv_bias", default: true)
    var key: Bias = .key("qkv_bias", default: true)
    var value: Bias = .key("qkv_bias", default: true)
    var projection: Bias = .always
    var mlp: Bias = .always
  }

  /// The key that `frequencies` depend on, and the scheme that it completes.
  struct Rotation: Sendable {
    var temperatureKey: String
    var scheme: RotaryScheme
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
  /// Nil where it is GELU, or SiLU in gated MLPs.
  var activation: ActivationFunction? = .gelu
  /// The key of the object that describes the image half, in a configuration of image and text.
  var nestedKey: String?
  /// Nil in a family without registers.
  var registers: Registers?
  /// Nil in a family without gates, and where the tensors decide.
  var gate: Gate?
  var biases = Biases()
  /// Nil in a family without rotary positions.
  var rotation: Rotation?
  /// The key that says how tokens are pooled; nil where the family leaves no choice.
  var poolingKey: String?
  /// Whether the names of classes decide how many there are, before `num_labels` does.
  var labelsDecideClasses = false
  var refusals: [Refusal] = []
}
