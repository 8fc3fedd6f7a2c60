import Int8Kernels

@testable import Quant
@testable import ViTImages
@testable import ViTLite

/// The readers of bytes, each followed by what uses its result.
enum Readers {
  static func safetensors(_ input: [UInt8]) {
    guard let header = try? unsafe SafetensorsHeader(parsing: input.span.bytes) else { return }
    var end = 0
    for tensor in header.tensors {
      precondition(tensor.range.lowerBound >= 8 && tensor.range.upperBound <= input.count, "a tensor within the file")
      precondition(tensor.range.lowerBound >= end, "tensors that do not overlap")
      end = tensor.range.upperBound
      precondition(header[tensor.name] != nil, "a tensor is found by its name")
    }
  }

  static func gguf(_ input: [UInt8]) {
    guard let reader = try? unsafe GGUFReader(parsing: input.span.bytes) else { return }
    for tensor in reader.tensors {
      precondition(tensor.range.lowerBound >= reader.dataOffset && tensor.range.upperBound <= input.count)
      precondition((try? reader.tensor(tensor.name)) == tensor)
    }
    for (key, value) in reader.metadata {
      precondition(reader[key] != nil)
      _ = try? reader.int(key)
      _ = try? reader.ints(key)
      _ = try? reader.floats(key)
      _ = (value.integers, value.strings, value.bools, value.doubles)
    }
  }

  static func json(_ input: [UInt8]) {
    guard let value = try? JSON(parsing: input) else { return }
    let text = Array(value.serialized().utf8)
    guard let again = try? JSON(parsing: text) else { preconditionFailure("what was serialized is read") }
    precondition(Array(again.serialized().utf8) == text, "what was serialized is read as the same")
    _ = value.serialized(pretty: true)
  }

  private static func file(_ input: [UInt8]) -> ConfigurationFile? {
    guard let json = try? JSON(parsing: input) else { return nil }
    return try? ConfigurationFile(json: json, path: "config.json")
  }

  static func configuration(_ input: [UInt8]) {
    guard let file = file(input) else { return }
    // Shapes of tensors that the configuration itself may name, so that they are fuzzed too.
    let shapes = file["tensors"]
    let shape: (String) -> [Int]? = { name in
      guard let extents = shapes?[name]?.array else { return nil }
      return extents.map { $0.int ?? 0 }.map { max($0, 0) }
    }
    guard let configuration = try? CheckpointConfiguration(file, shape: shape) else { return }
    precondition(configuration.width > 0 && configuration.heads > 0 && configuration.patchSize > 0)
  }

  /// The preprocessing of either kind, and what it makes of two small pictures.
  static func preprocessing(_ input: [UInt8]) {
    guard let file = file(input) else { return }
    for preprocessing in [
      (try? PreprocessingParser.huggingFace(file, family: .viT))?.preprocessing,
      ((try? PreprocessingParser.timm(file, channels: 3)) ?? nil)?.preprocessing,
    ] {
      guard let preprocessing else { continue }
      for (width, height, channels) in [(5, 3, 3), (1, 9, 1)] {
        guard let size = try? ImageSize(width: width, height: height),
          let image = try? Image(
            size: size, channels: channels, pixels: (0..<width * height * channels).map { UInt8($0 * 5) })
        else { preconditionFailure("a picture") }
        _ = try? preprocessing.prepare(image, channels: 3, maximumPixels: 1 << 14)
      }
    }
  }
}
