import ViTLite

extension FloatOutput {
  /// What has a NaN or an infinity, such as `the logits`; nil when all values are finite.
  package var firstNotFinite: String? {
    let outputs: [(name: String, values: [Float])] =
      hiddenStates.enumerated().map { ("hidden state \($0)", $1) } + [
        ("the last hidden state", lastHiddenState), ("the pooled vector", poolerOutput), ("the logits", logits ?? []),
      ]
    return outputs.first { FloatConversion.firstNotFinite($0.values) != nil }?.name
  }
}
