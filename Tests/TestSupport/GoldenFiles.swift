/// Files that other implementations wrote, in `Tests/Golden`.
package enum GoldenFiles {
  /// Folders with a float model, `io.safetensors` with inputs, and the outputs that its original implementation gives.
  package static let models = [
    "seed-vit", "timm-vit", "timm-vit-avgpool", "timm-vit-reg-layerscale", "hf-vit", "hf-deit-distilled", "hf-dinov2",
    "hf-dinov2-registers",
  ]

  /// The same of families with other positions, norms, MLPs and readouts.
  package static let families = [
    "hf-clip-vision", "hf-siglip-vision", "hf-siglip-classification", "hf-dinov3", "hf-dinov3-gated",
    "hf-dinov2-swiglu", "hf-vit-msn", "hf-vit-mae", "hf-metaclip2", "timm-vit-qk-norm", "timm-vit-map", "timm-eva",
  ]

  package static func path(_ name: String) -> String { Repository.path("Tests/Golden/\(name)") }
}
