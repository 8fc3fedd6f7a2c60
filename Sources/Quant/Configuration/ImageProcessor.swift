import ViTLite

/// What an image processor of transformers does where its file leaves a key out.
struct ImageProcessor: Sendable {
  /// What the names of its classes begin with.
  var classPrefixes: [String]
  var defaults: Preprocessing
}

extension ImageProcessor {
  private static let half = [0.5, 0.5, 0.5]

  static let viT = ImageProcessor(
    classPrefixes: ["ViT"],
    defaults: Preprocessing(
      resize: .exact(height: 224, width: 224), filter: .bilinear, crop: nil, mean: half, standardDeviation: half))

  static let deiT = ImageProcessor(
    classPrefixes: ["DeiT"],
    defaults: Preprocessing(
      resize: .exact(height: 256, width: 256), filter: .bicubic, crop: (224, 224), mean: half, standardDeviation: half))

  /// Of DINOv2 as well.
  static let bit = ImageProcessor(
    classPrefixes: ["Bit", "Dinov2"],
    defaults: Preprocessing(
      resize: .shortestEdge(256), filter: .bicubic, crop: (224, 224), mean: PreprocessingParser.imageNetMean,
      standardDeviation: PreprocessingParser.imageNetDeviation))

  static let clip = ImageProcessor(
    classPrefixes: ["CLIP"],
    defaults: Preprocessing(
      resize: .shortestEdge(224), filter: .bicubic, crop: (224, 224), mean: [0.48145466, 0.4578275, 0.40821073],
      standardDeviation: [0.26862954, 0.26130258, 0.27577711]))

  static let sigLIP = ImageProcessor(
    classPrefixes: ["Siglip"],
    defaults: Preprocessing(
      resize: .exact(height: 224, width: 224), filter: .bicubic, crop: nil, mean: half, standardDeviation: half))

  static let dinoV3 = ImageProcessor(
    classPrefixes: ["DINOv3"],
    defaults: Preprocessing(
      resize: .exact(height: 224, width: 224), filter: .bilinear, crop: nil, mean: PreprocessingParser.imageNetMean,
      standardDeviation: PreprocessingParser.imageNetDeviation))

  private static let all = [viT, bit, deiT, clip, sigLIP, dinoV3]

  /// Whether a class is one whose defaults are known.
  static func isKnown(_ name: String?) -> Bool {
    guard let name else { return false }
    return all.contains { $0.classPrefixes.contains { name.hasPrefix($0) } }
  }

  /// The processor of a class, or where the file does not name one that of the family. Classes of other names do as
  /// ViT's does.
  static func named(_ name: String?, for family: Family) -> ImageProcessor {
    guard let name else {
      guard case .processor(let processor) = family.preprocessing else { return .viT }
      return processor
    }
    return all.first { $0.classPrefixes.contains { name.hasPrefix($0) } } ?? .viT
  }
}
