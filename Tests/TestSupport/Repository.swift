import Quant

/// Folders of this repository, and of what may stand beside it.
package enum Repository {
  /// The folder that has `Package.swift`.
  package static let folder: String = {
    // From Tests/TestSupport/Repository.swift; the accessor of a resource bundle would need Foundation.
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
  }()

  package static func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// The float model that the repository ships, with images to calibrate and test it: 28 x 28 gray pixels, 10 classes.
  package static let fashionMNIST = path("calibration/fashion-mnist")

  /// A pretrained DINOv2 ViT-S/14 with photos to calibrate it. It is too large to ship, and may be absent.
  package static let backbone = path("../shared/vit-s14")
  package static let hasBackbone = FileKind(of: "\(backbone)/model.safetensors") == .file
  /// Why a test that needs the backbone is skipped.
  package static let needsBackbone = "needs a ViT-S/14 with calibration photos in ../shared/vit-s14"

  /// More golden cases than the repository ships, as folders.
  package static let families = [
    "arch-test_vit2", "arch-vit_base_patch16_siglip_256", "arch-vit_tiny_patch16_dinov3_qkvb",
    "arch-vit_xsmall_patch16_clip_224", "hf-clip-vision-gelu", "hf-dinov3", "hf-ijepa", "timm-vit-clip",
  ].map { path("../shared/golden-families/\($0)") }
  package static let hasFamilies = families.allSatisfy { FileKind(of: "\($0)/model.safetensors") == .file }
  /// Why a test that needs them is skipped.
  package static let needsFamilies = "needs the golden cases of more families in ../shared/golden-families"
}
