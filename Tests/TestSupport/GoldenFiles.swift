/// Files that other implementations wrote, in `Tests/Golden`.
package enum GoldenFiles {
  /// Folders with a float model, `io.safetensors` with inputs, and the outputs that its original implementation gives.
  package static let models = [
    "seed-vit", "timm-vit", "timm-vit-avgpool", "timm-vit-reg-layerscale", "hf-vit", "hf-deit-distilled", "hf-dinov2",
    "hf-dinov2-registers",
  ]

  package static func path(_ name: String) -> String { Repository.path("Tests/Golden/\(name)") }
}
