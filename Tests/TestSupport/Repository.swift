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
}
