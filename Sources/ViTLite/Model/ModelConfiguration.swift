/// The dimensions and variants of a Vision Transformer, the same for every family of checkpoints.
public struct ModelConfiguration: Sendable, Equatable {
  /// Where a checkpoint comes from; decides the names of its tensors and how they are read.
  public enum Family: String, Sendable, CaseIterable {
    /// github.com/FrancescoSaverioZuppichini/ViT
    case seedViT = "seed-vit"
    /// `timm.models.vision_transformer.VisionTransformer`
    case timmViT = "timm-vit"
    /// Hugging Face `ViTModel` and `ViTForImageClassification`
    case viT = "vit"
    /// Hugging Face `DeiTModel` and its classification heads
    case deiT = "deit"
    /// Hugging Face `Dinov2Model` and `Dinov2ForImageClassification`
    case dinoV2 = "dinov2"
    /// Hugging Face `Dinov2WithRegistersModel` and its classification head
    case dinoV2WithRegisters = "dinov2_with_registers"
  }

  public var family: Family
  /// Height and width of the input in pixels, as the model will be run.
  public var imageHeight: Int
  public var imageWidth: Int
  /// Side of a square patch in pixels.
  public var patchSize: Int
  public var channels: Int
  /// Width of the residual stream.
  public var width: Int
  public var depth: Int
  public var heads: Int
  /// Width of the hidden layer of each MLP.
  public var mlpWidth: Int
  /// Added to the variance in every LayerNorm.
  public var layerNormEpsilon: Double
  /// Tokens before the patches: class token, distillation token and registers, in that order.
  public var prefixTokens: Int
  /// Classes of the head; 0 when the model has none.
  public var classes: Int
  /// Names of the classes, empty or one for each.
  public var labels: [String]

  public init(
    family: Family, imageHeight: Int, imageWidth: Int, patchSize: Int, channels: Int, width: Int, depth: Int,
    heads: Int, mlpWidth: Int, layerNormEpsilon: Double, prefixTokens: Int, classes: Int, labels: [String] = []
  ) {
    self.family = family
    self.imageHeight = imageHeight
    self.imageWidth = imageWidth
    self.patchSize = patchSize
    self.channels = channels
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpWidth = mlpWidth
    self.layerNormEpsilon = layerNormEpsilon
    self.prefixTokens = prefixTokens
    self.classes = classes
    self.labels = labels
  }

  public var headWidth: Int { width / heads }
  public var gridHeight: Int { imageHeight / patchSize }
  public var gridWidth: Int { imageWidth / patchSize }
  public var patches: Int { gridHeight * gridWidth }
  /// Rows of the residual stream: prefix tokens, then patches in row-major order.
  public var tokens: Int { prefixTokens + patches }
  /// Inputs of the patch embedding: channels x patch rows x patch columns.
  public var patchInputs: Int { channels * patchSize * patchSize }
}

/// How the tokens become the vector that the head reads.
public enum Readout: String, Sendable, CaseIterable {
  /// The class token after the final norm.
  case classToken = "class_token"
  /// The mean of all tokens, then the norm (the seed implementation).
  case tokenMeanThenNorm = "token_mean_then_norm"
  /// The mean of the patch tokens, then the norm (timm's `fc_norm`).
  case patchMeanThenNorm = "patch_mean_then_norm"
  /// The norm, then the mean of the patch tokens.
  case normThenPatchMean = "norm_then_patch_mean"
  /// After the norm: the class token beside the mean of the patch tokens (DINOv2).
  case classTokenAndPatchMean = "class_token_and_patch_mean"
  /// After the norm: the class token beside the distillation token (DeiT; the head holds both halves, halved).
  case classAndDistillationToken = "class_and_distillation_token"

  /// Width of the vector as a multiple of the model's width.
  public var segments: Int {
    switch self {
    case .classTokenAndPatchMean, .classAndDistillationToken: 2
    default: 1
    }
  }

  /// Whether the final norm reads one row of means rather than the tokens.
  public var normsTheMean: Bool { self == .tokenMeanThenNorm || self == .patchMeanThenNorm }
}
