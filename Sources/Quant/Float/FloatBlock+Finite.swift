import ViTLite

extension FloatBlock {
  /// The first part with a NaN or an infinity, by the name that it has in a model file; nil when all numbers are finite.
  func firstNotFinite(at index: Int) -> String? {
    for layer in BlockLayer.allCases where !layers[layer].isFinite { return "\(LayerName.block(index, layer))" }
    if !ln1.isFinite { return ModelKey.block(index, "ln1") }
    return ln2.isFinite ? nil : ModelKey.block(index, "ln2")
  }
}

extension FloatLinear {
  fileprivate var isFinite: Bool { weight.areFinite && bias.areFinite }
}

extension FloatNorm {
  fileprivate var isFinite: Bool { gain.areFinite && bias.areFinite }
}

extension [Float] {
  fileprivate var areFinite: Bool { FloatConversion.firstNotFinite(self) == nil }
}
