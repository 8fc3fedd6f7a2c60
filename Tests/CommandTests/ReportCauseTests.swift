import Foundation
import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Models that were made worse on purpose: each must fail a gate that the good model passes, and the first screen of its
/// page must say why.
@Suite("Causes in a report", .serialized)
struct ReportCauseTests {
  private static let samples = 120

  private func calibrate(
    _ float: String, _ data: String, _ arguments: [String], samples: Int = 24, to path: String
  ) throws {
    let outcome = try Program.run(
      ["calibrate", float, "--data", data, "--samples", "\(samples)", "--output", path] + arguments)
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  /// The report with a gate, and the text of the page's part before the first chart.
  private func report(
    _ int8: String, data: String = TestModels.fashionTest, gate: String, expecting status: Int32 = 1
  ) throws -> (json: JSON, firstScreen: String) {
    let scratch = try Scratch()
    let outcome = try Program.run(
      "report", TestModels.fashion, int8, "--data", data, "--samples", "\(Self.samples)", "--json",
      scratch.path("drift.json"), "--html", scratch.path("drift.html"), "--fail-under", gate)
    #expect(outcome.status == status, "\(outcome.errors)")
    let page = try String(contentsOf: scratch.url("drift.html"), encoding: .utf8)
    let end = try #require(page.range(of: "<h2>Side by side"))
    let text = try String(contentsOf: scratch.url("drift.json"), encoding: .utf8)
    return (try JSON(parsing: Array(text.utf8)), String(page[..<end.lowerBound]).replacing(/<[^>]*>/, with: ""))
  }

  private static let gate = "logit_sqnr_db=47"

  @Test("The model as it should be passes, and nothing is wrong with it")
  func good() throws {
    let (json, _) = try report(TestModels.fashionInt8, gate: Self.gate, expecting: 0)
    #expect(
      json["causes"]?.array?.contains { $0["finding"]?.string?.contains("not the float model's") == true } == false)
    #expect(json["criteria"]?.array?.contains { $0["title"]?.string == "File and data" } == false)
  }

  @Test("Weights of one layer that were changed")
  func perturbedWeights() throws {
    let scratch = try Scratch()
    let folder = try scratch.makeFolder("perturbed")
    for name in ["config.json", "preprocessor_config.json", "model.safetensors"] {
      try FileManager.default.copyItem(atPath: "\(TestModels.fashion)/\(name)", toPath: "\(folder)/\(name)")
    }
    try TestModels.changeWeights(of: "1.2.1.fn.1.3.weight", in: "\(folder)/model.safetensors")
    try calibrate(folder, TestModels.fashionCalibration, [], to: scratch.path("perturbed.gguf"))
    let (json, firstScreen) = try report(scratch.path("perturbed.gguf"), gate: Self.gate)
    #expect(json["causes"]?.array?.first?["layer"]?.string == "blk.2.ffn_down")
    #expect(firstScreen.contains("The weights of blk.2.ffn_down are not the float model's"))
    #expect(json["verdict"]?.string != "good")
  }

  @Test("Static ranges that clip, by many values and by a few that are far beyond", arguments: [24, 128])
  func percentile(_ samples: Int) throws {
    let scratch = try Scratch()
    try calibrate(
      TestModels.fashion, TestModels.fashionCalibration, ["--activations", "static", "--observer", "percentile"],
      samples: samples, to: scratch.path("percentile.gguf"))
    let (json, firstScreen) = try report(scratch.path("percentile.gguf"), gate: Self.gate)
    #expect(firstScreen.contains("beyond the static range"))
    #expect(firstScreen.contains("without --observer percentile"))
    #expect(firstScreen.contains("--activations dynamic"))
    // The layer that the first sentence names is among those that clip, and causes much of the noise.
    let name = try #require(json["causes"]?.array?.first?["layer"]?.string)
    let layer = try #require(json["layers"]?.array?.first { $0["name"]?.string == name })
    #expect(layer["clipped"]?.double ?? 0 > 0)
  }

  @Test("Data that were normalised in another way")
  func wrongNormalisation() throws {
    let scratch = try Scratch()
    let test = try SampleSet(path: TestModels.fashionTest, limit: 40)
    let values = (0..<test.count).flatMap { index -> [Float] in
      guard case .pixels(let pixels) = test[index] else { return [] }
      return pixels.map { (Float($0) / 255 - 0.485) / 0.1 }
    }
    try TestModels.write(
      values: values, shape: [test.count, 1, 28, 28], labels: test.labels?.map { Int64($0) },
      to: scratch.path("d.safetensors"))
    let (json, firstScreen) = try report(TestModels.fashionInt8, data: scratch.path("d.safetensors"), gate: Self.gate)
    #expect(json["verdict"]?.string == "bad")
    #expect(firstScreen.contains("outside of what the model's normalisation can give"))
    #expect(json["causes"]?.array?.first?["layer"] == .null)
    #expect(!firstScreen.contains("patch_embd causes"))
  }

  @Test("Calibration on noise", arguments: ["dynamic", "static"])
  func noise(_ activations: String) throws {
    let scratch = try Scratch()
    var random = SplitMix64(seed: 5)
    let pixels = (0..<24 * 784).map { _ in UInt8(truncatingIfNeeded: random.next() >> 24) }
    try TestModels.write(images: pixels, shape: [24, 1, 28, 28], to: scratch.path("noise.safetensors"))
    try calibrate(
      TestModels.fashion, scratch.path("noise.safetensors"), ["--activations", activations],
      to: scratch.path("noise.gguf"))
    let (_, firstScreen) = try report(scratch.path("noise.gguf"), gate: Self.gate)
    #expect(firstScreen.contains("calibration images look unlike these"))
    #expect(firstScreen.contains("as in random noise"))
  }

  @Test("Data that the model was calibrated on are named as such")
  func calibrationImages() throws {
    let scratch = try Scratch()
    let outcome = try Program.run(
      "report", TestModels.fashion, TestModels.fashionInt8, "--data", TestModels.fashionCalibration, "--samples", "24",
      "--html", scratch.path("drift.html"), "--layer-samples", "0")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("24 of the images are ones that the model was calibrated on"))
    let page = try String(contentsOf: scratch.url("drift.html"), encoding: .utf8)
    #expect(page.contains("All of them are images that the model was calibrated on"))
  }
}
