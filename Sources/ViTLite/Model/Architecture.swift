// The variants of an architecture that this package runs. The raw values are those of the model file.

/// How the position of a patch enters its token.
public enum PositionScheme: String, Sendable, CaseIterable {
  /// A vector for each patch and, where the checkpoint has them, for tokens before the patches; added to the
  /// embeddings.
  case learned
  /// Queries and keys of the patches are rotated by angles that depend on the patch's row and column: Su et al.,
  /// "RoFormer", 2021; in two dimensions as DINOv3 and EVA-02 have it.
  case rotary
  case learnedAndRotary = "learned_and_rotary"
  /// Tokens do not know where they are.
  case none

  /// Whether queries and keys are rotated.
  package var isRotary: Bool { self == .rotary || self == .learnedAndRotary }
}

/// The function between the two layers of an MLP.
public enum ActivationFunction: String, Sendable, CaseIterable {
  /// `x * Phi(x)`, exact rather than approximated by tanh: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
  case gelu
  /// The approximation of GELU by tanh, from the same paper.
  case geluTanh = "gelu_tanh"
  /// `x * sigmoid(1.702 x)`, from the same paper; what CLIP was trained with.
  case quickGELU = "quick_gelu"
  /// `x * sigmoid(x)`, also called Swish.
  case silu
}

/// What every norm of a model computes.
public enum NormFunction: String, Sendable, CaseIterable {
  /// `gain (x - mean) / sqrt(variance + epsilon) + bias`: Ba et al., "Layer Normalization", 2016.
  case layerNorm = "layer_norm"
  /// `gain x / sqrt(mean of x^2 + epsilon) + bias`: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
  case rms = "rms_norm"
}

/// How the tokens become the vector that the head reads.
public enum Readout: String, Sendable, CaseIterable {
  /// The class token after the final norm.
  case classToken = "class_token"
  /// The same; the other tokens are handed out without the norm (CLIP).
  case classTokenThenNorm = "class_token_then_norm"
  /// The mean of all tokens, then the norm (the seed implementation).
  case tokenMeanThenNorm = "token_mean_then_norm"
  /// The mean of the patch tokens, then the norm (timm's `fc_norm`).
  case patchMeanThenNorm = "patch_mean_then_norm"
  /// The largest number of each channel among the patch tokens, then the norm.
  case patchMaximumThenNorm = "patch_maximum_then_norm"
  /// Half of the sum of mean and maximum, then the norm (timm's `avgmax`).
  case patchMeanAndMaximumThenNorm = "patch_mean_and_maximum_then_norm"
  /// The norm, then the mean of all tokens.
  case normThenTokenMean = "norm_then_token_mean"
  /// The norm, then the mean of the patch tokens.
  case normThenPatchMean = "norm_then_patch_mean"
  case normThenPatchMaximum = "norm_then_patch_maximum"
  case normThenPatchMeanAndMaximum = "norm_then_patch_mean_and_maximum"
  /// After the norm: the class token beside the mean of the patch tokens (DINOv2).
  case classTokenAndPatchMean = "class_token_and_patch_mean"
  /// After the norm: the class token beside the distillation token (DeiT; the head holds both halves, halved).
  case classAndDistillationToken = "class_and_distillation_token"
  /// After the norm: a learned query attends to all tokens, then an MLP (SigLIP).
  case attentionPooling = "attention_pooling"
  /// The same, but the query attends to the patch tokens alone.
  case patchAttentionPooling = "patch_attention_pooling"

  /// What becomes of several tokens.
  package enum Pooling: Sendable {
    /// The first token, or the first two.
    case tokens
    case mean
    case maximum
    case meanAndMaximum
    /// The first token, and the mean of the patch tokens.
    case tokenAndMean
    case attention
  }

  package var pooling: Pooling {
    switch self {
    case .classToken, .classTokenThenNorm, .classAndDistillationToken: .tokens
    case .tokenMeanThenNorm, .patchMeanThenNorm, .normThenTokenMean, .normThenPatchMean: .mean
    case .patchMaximumThenNorm, .normThenPatchMaximum: .maximum
    case .patchMeanAndMaximumThenNorm, .normThenPatchMeanAndMaximum: .meanAndMaximum
    case .classTokenAndPatchMean: .tokenAndMean
    case .attentionPooling, .patchAttentionPooling: .attention
    }
  }

  /// Whether the final norm reads the pooled row rather than the tokens.
  package var normFollowsPooling: Bool {
    switch self {
    case .classTokenThenNorm, .tokenMeanThenNorm, .patchMeanThenNorm, .patchMaximumThenNorm,
      .patchMeanAndMaximumThenNorm:
      true
    default: false
    }
  }

  /// Whether the tokens before the patches are pooled too.
  package var poolsPrefix: Bool {
    switch self {
    case .tokenMeanThenNorm, .normThenTokenMean, .attentionPooling: true
    default: false
    }
  }

  /// Width of the vector as a multiple of the model's width.
  package var segments: Int {
    switch self {
    case .classTokenAndPatchMean, .classAndDistillationToken: 2
    default: 1
    }
  }
}
