import Int8Kernels

@testable import Quant
@testable import ViTImages
@testable import ViTLite

/// What can be fuzzed. A run either returns or ends the program, which libFuzzer reports.
enum FuzzTarget: String, CaseIterable {
  case safetensors
  case gguf
  case json
  case configuration
  case preprocessing
  case png
  case jpeg
  case webp
  case netpbm
  case infer

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  func run(_ input: [UInt8]) {
    switch self {
    case .safetensors: Readers.safetensors(input)
    case .gguf: Readers.gguf(input)
    case .json: Readers.json(input)
    case .configuration: Readers.configuration(input)
    case .preprocessing: Readers.preprocessing(input)
    case .png, .jpeg, .webp, .netpbm: _ = try? Image(decoding: input, maximumPixels: 1 << 16)
    case .infer: Inference.compare(input)
    }
  }

  /// The input with one number, name or type changed to another that its format allows; nil where none is found.
  func lie(about input: [UInt8], using generator: inout SplitMix64) -> [UInt8]? {
    switch self {
    case .safetensors: SafetensorsLie.about(input, using: &generator)
    case .gguf: GGUFLie.about(input, using: &generator)
    case .infer: GGUFLie.about(input, using: &generator).map(GGUFLie.withChecksums)
    case .json, .configuration, .preprocessing: JSONLie.about(input, using: &generator)
    case .png: PNGLie.about(input, using: &generator)
    case .jpeg: JPEGLie.about(input, using: &generator)
    case .webp: WebPLie.about(input, using: &generator)
    case .netpbm: nil
    }
  }

  /// The input with right lengths and checksums around whatever it holds.
  func mended(_ input: [UInt8]) -> [UInt8] {
    switch self {
    case .safetensors: SafetensorsLie.withLength(input)
    case .infer: GGUFLie.withChecksums(input)
    case .png: PNGLie.withChecksums(input)
    case .webp: WebPLie.withLength(input)
    default: input
    }
  }
}

/// Numbers at the ends of types and limits.
enum Lies {
  static let numbers: [Int] = [
    0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 63, 64, 65, 127, 128, 255, 256, 1023, 1024, 1025, 4096, 32_767, 32_768, 65_535,
    65_536, 1 << 20, 1 << 24, 1 << 30, Int(Int32.max), 1 << 31, Int(UInt32.max), 1 << 32, 1 << 40, 1 << 62, .max, .min,
    -1, -2, -128, -32_768, Int(Int32.min),
  ]

  static func number(near value: Int, using generator: inout SplitMix64) -> Int {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: value &+ Int.random(in: -4...4, using: &generator)
    case 1: value &* 2
    default: numbers[Int.random(in: numbers.indices, using: &generator)]
    }
  }
}
