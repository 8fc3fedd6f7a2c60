import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

#if ImageCodecs
  /// A real pretrained ViT-S/14 with heavy outliers, which is too large to ship: skipped where it is not there.
  @Suite("Drift of a real backbone", .serialized)
  struct BackboneTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    private static let model = root.deletingLastPathComponent().appending(path: "shared/vit-s14")
      .path(percentEncoded: false)
    private static let photos = root.appending(path: "Tests/CommandTests/Fixtures/photos").path(percentEncoded: false)
    private static let isThere = FileManager.default.fileExists(atPath: model + "/model.safetensors")

    /// On photos that calibration never saw; with a third of the calibration's photos, to be quick.
    @Test(
      "The drift of a real backbone is small",
      .enabled(if: isThere, "needs a ViT-S/14 with calibration photos in ../shared/vit-s14"),
      arguments: [(activations: "dynamic", decibels: 28.0), (activations: "static", decibels: 23.0)])
    func drift(_ activations: String, _ decibels: Double) throws {
      let scratch = try Scratch()
      let path = scratch.path("model.gguf")
      let calibration = try Program.run(
        "calibrate", Self.model, "--data", Self.model + "/calibration", "--samples", "12", "--activations",
        activations, "--output", path)
      try #require(calibration.status == 0, "\(calibration.errors)")
      let report = try Program.run("report", Self.model, path, "--data", Self.photos, "--json", "-")
      try #require(report.status == 0, "\(report.errors)")
      #expect(try report.json["samples"]?.double == 6)
      let found = try #require(try report.json["token_sqnr_db"]?.double)
      #expect(found >= decibels)
    }
  }
#endif
