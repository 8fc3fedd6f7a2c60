import Foundation
import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Models and data of the repository, and ones made for tests.
enum TestModels {
  /// The bundled float model: 28 x 28 gray pixels, 10 classes.
  static let fashion = Repository.fashionMNIST
  static let fashionTest = fashion + "/test.safetensors"
  static let fashionCalibration = fashion + "/calibration.safetensors"
  static let fashionSamples = fashion + "/samples"

  /// A float model and its inputs and outputs as another implementation saved them.
  static func golden(_ name: String) -> (model: String, values: String) {
    let folder = GoldenFiles.path(name)
    return (folder, folder + "/io.safetensors")
  }

  /// The bundled model as int8, made once.
  static let fashionInt8: String = {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "vit-quant-test-\(ProcessInfo.processInfo.processIdentifier).gguf").path(percentEncoded: false)
    do {
      let outcome = try Program.run(
        "calibrate", fashion, "--data", fashionCalibration, "--samples", "24", "--output", path)
      try #require(outcome.status == 0, "\(outcome.errors)")
      atexit { TestModels.removeFashionInt8() }
    } catch {
      Issue.record(error)
    }
    return path
  }()

  private static func removeFashionInt8() {
    try? FileManager.default.removeItem(atPath: fashionInt8)
  }

  /// A copy of a golden model whose configuration is changed.
  static func copy(
    _ name: String, to scratch: Scratch, configuration change: (inout [String: Any]) -> Void = { _ in }
  ) throws -> String {
    let folder = try scratch.makeFolder(name)
    let source = golden(name).model
    try FileManager.default.copyItem(atPath: source + "/model.safetensors", toPath: folder + "/model.safetensors")
    let data = try Data(contentsOf: URL(filePath: source + "/config.json"))
    var configuration = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    change(&configuration)
    try JSONSerialization.data(withJSONObject: configuration).write(to: URL(filePath: folder + "/config.json"))
    return folder
  }

  /// Rewrites a safetensors file with some tensors left out or given another shape.
  static func rewrite(_ path: String, leavingOut: String? = nil, reshaping: (name: String, shape: [Int])? = nil) throws
  {
    let file = try SafetensorsFile(path: path)
    var declarations: [SafetensorsDeclaration] = []
    var data: [[Float]] = []
    for tensor in file.header.tensors where tensor.name != leavingOut {
      let shape = tensor.name == reshaping?.name ? reshaping?.shape ?? tensor.shape : tensor.shape
      declarations.append(SafetensorsDeclaration(name: tensor.name, type: .float32, shape: shape))
      data.append(Array(try file.floats(tensor.name).prefix(shape.reduce(1, *))))
    }
    var writer = try SafetensorsWriter(path: path, tensors: declarations)
    for values in data { try writer.append(values) }
    try writer.commit()
  }

  /// Adds noise of half its deviation to a tensor of a safetensors file.
  static func changeWeights(of name: String, in path: String) throws {
    let file = try SafetensorsFile(path: path)
    var declarations: [SafetensorsDeclaration] = []
    var data: [[Float]] = []
    var random = SplitMix64(seed: 11)
    for tensor in file.header.tensors {
      declarations.append(SafetensorsDeclaration(name: tensor.name, type: .float32, shape: tensor.shape))
      var values = try file.floats(tensor.name)
      if tensor.name == name {
        let scale = (values.reduce(0) { $0 + $1 * $1 } / Float(values.count)).squareRoot()
        // The deviation of a uniform number from -1 to 1 is 0.577.
        for index in values.indices {
          values[index] += 0.5 * scale * (Float(random.next() >> 40) / Float(1 << 23) - 1) / 0.577
        }
      }
      data.append(values)
    }
    var writer = try SafetensorsWriter(path: path, tensors: declarations)
    for values in data { try writer.append(values) }
    try writer.commit()
  }

  /// Writes images or values as a data set.
  static func write(
    images: [UInt8]? = nil, values: [Float]? = nil, shape: [Int], labels: [Int64]? = nil, to path: String
  ) throws {
    var declarations: [SafetensorsDeclaration] = []
    if images != nil { declarations.append(.init(name: "images", type: .uint8, shape: shape)) }
    if values != nil { declarations.append(.init(name: "pixel_values", type: .float32, shape: shape)) }
    if let labels { declarations.append(.init(name: "labels", type: .int64, shape: [labels.count])) }
    var writer = try SafetensorsWriter(path: path, tensors: declarations)
    if let images { try writer.append(images) }
    if let values { try writer.append(values) }
    if let labels { try writer.append(LittleEndian.bytes(of: labels)) }
    try writer.commit()
  }

  /// A gray PGM of 28 x 28.
  static func grayImage(seed: UInt64 = 0) -> Data {
    var generator = SplitMix64(seed: seed)
    return Data("P5 28 28 255\n".utf8) + Data((0..<784).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
  }
}
