import CKernels
import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

private let hasFusedProducts: Bool = {
  #if arch(x86_64)
    vq_detect_isas() & UInt32(vq_isa_avx2_fma) != 0
  #else
    false
  #endif
}()

private let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

/// The records of a model and kind of activations: a line `model activations crc32 crc32 ...`.
private func record(_ model: String, _ activations: String) throws -> [Int] {
  let text = try String(contentsOf: fixtures.appending(path: "recorded-results.txt"), encoding: .utf8)
  let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(model) \(activations) ") })
  return line.split(separator: " ").dropFirst(2).compactMap { Int($0) }
}

/// Calibrates, runs on every instruction set, and compares.
private func expectRecorded(
  _ name: String, model: String, data: String, samples: Int, inputs: String, activations: String
) throws {
  let scratch = try Scratch()
  let path = scratch.path("model.gguf")
  let calibration = try Program.run(
    "calibrate", model, "--data", data, "--samples", "\(samples)", "--activations", activations, "--output", path)
  try #require(calibration.status == 0, "\(calibration.errors)")
  let record = try record(name, activations)
  try #require(!record.isEmpty)
  for isa in InstructionSet.available where isa != .portable || samples > 12 {
    let run = try Program.run("run", path, inputs, "--json", "--isa", "\(isa)")
    try #require(run.status == 0, "\(run.errors)")
    let found = try run.jsonLines.map { $0["logits_crc32"]?.double.map { Int($0) } }
    #expect(found == record, "\(isa)")
  }
}

/// What calibrated models gave, image by image, when it was recorded: a change that is not meant to change results must
/// not. A change of calibration that is meant to records them anew, on purpose.
///
/// The records are `logits_crc32` as `run --json` prints it. They hold where the float reference multiplies with fused
/// additions, as AVX2 and AVX-512 do: calibration looks at its activations.
@Suite("Recorded results", .serialized)
struct RecordedResultsTests {
  @Test(
    "The bundled model gives what it gave", .enabled(if: hasFusedProducts, "needs AVX2 with FMA"),
    arguments: ["dynamic", "static"])
  func bundledModel(activations: String) throws {
    try expectRecorded(
      "bundled", model: TestModels.fashion, data: TestModels.fashionCalibration, samples: 24,
      inputs: TestModels.fashionSamples, activations: activations)
  }
}

#if ImageCodecs
  /// Too large to ship: skipped where it is not there.
  private let backbonePath = fixtures.deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/vit-s14")
    .path(percentEncoded: false)
  private let hasBackbone = FileManager.default.fileExists(atPath: backbonePath + "/model.safetensors")

  @Suite("Recorded results of a real backbone", .serialized)
  struct RecordedBackboneTests {
    @Test(
      "A real backbone gives what it gave", .enabled(if: hasFusedProducts, "needs AVX2 with FMA"),
      .enabled(if: hasBackbone, "needs a ViT-S/14 with calibration photos in ../shared/vit-s14"),
      arguments: ["dynamic", "static"])
    func backbone(activations: String) throws {
      try expectRecorded(
        "vit-s14", model: backbonePath, data: backbonePath + "/calibration", samples: 12,
        inputs: fixtures.appending(path: "photos").path(percentEncoded: false), activations: activations)
    }
  }
#endif
