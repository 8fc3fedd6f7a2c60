import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite
@testable import vit_quant

@Suite("What is assumed of models and of preprocessing")
struct AssumptionTests {
  private static let image = Data("P6 8 8 255\n".utf8) + Data((0..<192).map { UInt8($0) })

  @Test("Without preprocessor_config.json the size is that of config.json, and all that was assumed is told")
  func withoutFile() throws {
    let scratch = try Scratch()
    try Self.image.write(to: scratch.url("photo.ppm"))
    let photo = scratch.path("photo.ppm")
    let model = TestModels.golden("hf-vit").model
    let assumed = [
      "resizing to 32 x 32", "no crop", "bilinear interpolation", "mean 0.5 0.5 0.5", "deviation 0.5 0.5 0.5",
    ]

    let run = try Program.run("run", model, photo)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.split(separator: "\n").count == 1)
    #expect(run.errors.contains("assumed for \(model)") && run.errors.contains(assumed.joined(separator: ", ")))
    #expect(run.errors.contains("preprocessor_config.json"))
    let json = try Program.run("run", model, photo, "--json", "--quiet")
    #expect(json.errors.isEmpty)
    #expect(try json.json["assumptions"]?.array?.compactMap(\.string) == assumed)

    let inspect = try Program.run("inspect", model, "--json").json
    #expect(inspect["configuration"]?["image_height"]?.int == 32)
    #expect(inspect["assumptions"]?.array?.compactMap(\.string) == assumed)

    let int8 = scratch.path("int8.gguf")
    let calibrate = try Program.run("calibrate", model, "--data", scratch.path(""), "--output", int8)
    #expect(calibrate.status == 0 && calibrate.errors.contains("assumed for \(model)"), "\(calibrate.errors)")
    #expect(try Program.run("inspect", int8, "--json").json["configuration"]?["image_height"]?.int == 32)
    let int8Run = try Program.run("run", int8, photo, "--json")
    #expect(int8Run.errors.isEmpty)
    #expect(try int8Run.json["assumptions"] == nil)
    let report = try Program.run("report", model, int8, "--data", photo.replacing("photo.ppm", with: ""), "--json", "-")
    #expect(report.status == 0 && report.errors.contains("assumed for \(model)"), "\(report.errors)")
    #expect(try report.json["assumptions"]?.array?.compactMap(\.string) == assumed)
  }

  @Test("With preprocessor_config.json nothing is assumed, and values that need no preprocessing are told nothing of")
  func withFile() throws {
    let scratch = try Scratch()
    try Self.image.write(to: scratch.url("photo.ppm"))
    let model = try TestModels.copy("hf-vit", to: scratch)
    _ = try scratch.write(
      """
      {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
      """, to: "hf-vit/preprocessor_config.json")
    let run = try Program.run("run", model, scratch.path("photo.ppm"), "--json")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    #expect(try run.json["assumptions"] == nil)
    let golden = TestModels.golden("hf-vit")
    #expect(try Program.run("run", golden.model, golden.values).errors.isEmpty)
  }

  /// The golden model of timm's `VisionTransformer`, with `config.json` as timm writes it for another name.
  private func unknownArchitecture(_ arguments: [String: Any], in scratch: Scratch) throws -> String {
    try TestModels.copy("timm-vit", to: scratch) { configuration in
      configuration = [
        "architecture": "my_own_vit", "num_classes": 10, "model_args": arguments,
        "pretrained_cfg": ["input_size": [3, 32, 32]],
      ]
    }
  }

  @Test("What is assumed of an architecture that timm does not have is told")
  func unknownArchitecture() throws {
    let scratch = try Scratch()
    let values = TestModels.golden("timm-vit").values
    let assumed = [
      "timm's VisionTransformer for the unknown architecture \"my_own_vit\"", "activation GELU (act_layer)",
      "norm epsilon 1e-06 (norm_eps)", "pooling by the class token (global_pool)",
    ]
    let model = try unknownArchitecture(["num_heads": 4], in: scratch)
    let run = try Program.run("run", model, values, "--json")
    #expect(run.status == 0)
    #expect(run.errors.contains("assumed for \(model): \(assumed.joined(separator: ", "));"), "\(run.errors)")
    // Nothing of preprocessing, which these values do not need.
    #expect(!run.errors.contains("mean"))
    let line = try JSON(parsing: Array(run.output.split(separator: "\n")[0].utf8))
    #expect(line["assumptions"]?.array?.compactMap(\.string) == assumed)
    let inspect = try Program.run("inspect", model, "--json").json
    #expect(inspect["assumptions"]?.array?.compactMap(\.string).starts(with: assumed) == true)

    let int8 = scratch.path("int8.gguf")
    let calibrate = try Program.run("calibrate", model, "--data", values, "--output", int8)
    #expect(calibrate.status == 0 && calibrate.errors.contains(assumed[1]), "\(calibrate.errors)")
    let report = try Program.run(
      "report", model, int8, "--data", values, "--json", "-", "--html", scratch.path("drift.html"))
    #expect(report.status == 0 && report.errors.contains(assumed[1]), "\(report.errors)")
    #expect(try report.json["assumptions"]?.array?.compactMap(\.string).starts(with: assumed) == true)
    let page = try String(contentsOf: scratch.url("drift.html"), encoding: .utf8)
    #expect(page.contains("<dt>Assumed</dt>") && page.contains(assumed[1]))
  }

  @Test("What the arguments of an unknown architecture say is not assumed")
  func unknownArchitectureWithArguments() throws {
    let scratch = try Scratch()
    let arguments: [String: Any] = ["num_heads": 4, "act_layer": "gelu", "norm_eps": 1e-6, "global_pool": "token"]
    let model = try unknownArchitecture(arguments, in: scratch)
    let run = try Program.run("run", model, TestModels.golden("timm-vit").values)
    #expect(run.status == 0)
    #expect(run.errors.contains("unknown architecture \"my_own_vit\"; its config.json"), "\(run.errors)")
  }

  @Test("What a processor of an unknown class leaves out is told")
  func unknownClass() throws {
    let scratch = try Scratch()
    try Self.image.write(to: scratch.url("photo.ppm"))
    let model = try TestModels.copy("hf-vit", to: scratch)
    _ = try scratch.write(
      """
      {"image_processor_type": "OtherImageProcessor", "size": {"height": 32, "width": 32}, "image_mean": [0, 0, 0]}
      """, to: "hf-vit/preprocessor_config.json")
    let run = try Program.run("run", model, scratch.path("photo.ppm"))
    #expect(run.status == 0)
    #expect(run.errors.contains(": bilinear interpolation, deviation 0.5 0.5 0.5;"), "\(run.errors)")
  }
}
