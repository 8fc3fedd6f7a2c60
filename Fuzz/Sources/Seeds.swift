import Int8Kernels
import LibC
import TestSupport

@testable import Quant
@testable import ViTLite

/// Seeds that the program makes itself: small model files of each kind. Those of the other formats are files of the
/// tests.
enum Seeds {
  static func write(to folder: String) throws {
    let smallest = IntegerModelCase.configuration {
      ($0.imageHeight, $0.imageWidth, $0.width, $0.heads, $0.mlpWidth, $0.classes) = (3, 3, 4, 1, 4, 2)
    }
    let example = IntegerModelCase.random(smallest)
    var wide = CalibrationOptions()
    wide.wideLayers = try example.layerNames
    let options = ["dynamic": CalibrationOptions(), "static": CalibrationOptions(activations: .static), "wide": wide]
    for (name, options) in options {
      try AtomicFile.save(try example.quantized(options).bytes, to: "\(folder)/\(name).gguf")
    }
    var more = smallest
    (more.classes, more.prefixTokens, more.depth) = (0, 3, 2)
    let backbone = IntegerModelCase.random(more)
    try AtomicFile.save(try backbone.quantized().bytes, to: "\(folder)/backbone.gguf")
  }
}
