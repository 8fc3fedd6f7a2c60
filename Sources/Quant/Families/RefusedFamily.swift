/// Families of Vision Transformers that this package does not run, and what they have that it lacks.
enum RefusedFamily {
  /// `model_type` of transformers.
  private static let modelTypes = [
    "beit": "BEiT's relative positions", "data2vec-vision": "BEiT's relative positions", "swin": "Swin's windows",
    "swinv2": "Swin's windows", "donut-swin": "Swin's windows", "vitdet": "attention within windows",
    "sam_vision_model": "attention within windows", "siglip2": "NaFlex, patches of images of any size",
    "siglip2_vision_model": "NaFlex, patches of images of any size",
  ]

  /// The beginning of timm's names of architectures.
  private static let architectures = [
    ("beit_", "BEiT's relative positions"), ("beitv2_", "BEiT's relative positions"),
    ("vit_relpos_", "relative positions"), ("vit_srelpos_", "relative positions"), ("swin", "Swin's windows"),
    ("samvit_", "attention within windows"), ("hieradet_", "attention within windows"),
    ("naflexvit_", "NaFlex, patches of images of any size"),
  ]

  /// What a `model_type` that is not run has; nil for one that nothing is known of.
  static func variant(ofModelType name: String) -> String? { modelTypes[name] }

  static func variant(ofArchitecture name: String) -> String? {
    if name.contains("_relpos_") { return "relative positions" }
    return architectures.first { name.hasPrefix($0.0) }?.1
  }
}
