import Quant
import TestSupport
import ViTImages
import ViTLite

/// The files in Fixtures, and what other implementations make of them.
enum Fixture {
  static func path(_ name: String) -> String { Repository.path("Tests/ViTImagesTests/Fixtures/\(name)") }

  static func bytes(_ name: String) throws -> [UInt8] {
    try MappedFile.contents(of: path(name), limit: 1 << 24)
  }

  static func image(_ name: String) throws -> Image { try Image(path: path(name)) }

  /// Values that another implementation's preprocessing gave for a photo, 3 x height x width.
  static func preprocessed(_ name: String) throws -> [Float] {
    try SafetensorsFile(path: path("preprocess/expected.safetensors")).floats(name)
  }
}
