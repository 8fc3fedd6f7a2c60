// The variants of an architecture that this package runs. The raw values are those of the model file.

/// How the position of a patch enters its token.
public enum PositionScheme: String, Sendable, CaseIterable {
  /// A vector for each patch and, where the checkpoint has them, for tokens before the patches; added to the
  /// embeddings.
  case learned
}

/// The function between the two layers of an MLP.
public enum ActivationFunction: String, Sendable, CaseIterable {
  /// `x * Phi(x)`, exact rather than approximated by tanh: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
  case gelu
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
  package var segments: Int {
    switch self {
    case .classTokenAndPatchMean, .classAndDistillationToken: 2
    default: 1
    }
  }

  /// Whether the final norm reads one row of means rather than the tokens.
  package var normsTheMean: Bool { self == .tokenMeanThenNorm || self == .patchMeanThenNorm }
}
