/// How activations get their scales.
public enum ActivationMode: String, Sendable, CaseIterable {
  /// A scale for each token, from the row's own range.
  case dynamic
  /// All scales from calibration.
  case `static`
}
