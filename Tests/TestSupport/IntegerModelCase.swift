import Int8Kernels
import Quant
import ViTLite

/// A float model with samples to calibrate and run it on.
package struct IntegerModelCase: Sendable, CustomStringConvertible {
  package var description: String
  package var model: FloatModel
  package var samples: SampleSet

  package func quantized(_ options: CalibrationOptions = CalibrationOptions(variants: false)) throws(CalibrationError)
    -> QuantizedModel
  {
    try calibrate(model, preprocessing: nil, samples: samples, options: options).model
  }

  /// Names of all linear layers, and of the attentions.
  package var layerNames: [LayerName] { get throws(CalibrationError) { try quantized().widthNames } }

  /// The 8-bit pixels of each sample.
  package func pixels(_ model: IntegerModel) -> [[UInt8]] {
    (0..<samples.count).map { model.pixels(of: samples[$0]) }
  }

  /// The samples as the model reads them.
  package func inputs(_ model: IntegerModel) -> [InputPixels] {
    (0..<samples.count).map { model.input(of: samples[$0]) }
  }
}

extension IntegerModelCase {
  /// A golden case with the images that the original implementation was run on.
  package static func golden(_ name: String) throws -> IntegerModelCase {
    let io = try SampleSet(path: GoldenFiles.path("\(name)/io.safetensors"))
    let model = try Checkpoint.load(path: GoldenFiles.path(name), imageSize: (io.height, io.width)).model
    return IntegerModelCase(description: name, model: model, samples: io)
  }

  /// A model of random weights with images of random pixels.
  package static func random(
    _ configuration: ModelConfiguration, attentionScaling: AttentionScaling = .scores, images: Int = 2,
    seed: UInt64 = 1
  ) -> IntegerModelCase {
    var generator = SplitMix64(seed: seed)
    var samples = SampleSet(
      channels: configuration.channels, height: configuration.imageHeight, width: configuration.imageWidth,
      kind: .pixels, labelled: false)
    for index in 0..<images {
      let pixels = (0..<samples.elementsPerSample).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let isAdded = samples.append(.pixels(pixels), label: nil, name: "image \(index)")
      precondition(isAdded, "a sample of the set's own kind and size")
    }
    let name =
      "\(configuration.tokens) tokens, width \(configuration.width), \(configuration.heads) heads, "
      + "\(configuration.depth) blocks, \(configuration.readout.rawValue)"
    return IntegerModelCase(
      description: name, model: .random(configuration, attentionScaling: attentionScaling, seed: seed), samples: samples
    )
  }

  /// The smallest configuration that has everything; `change` makes it awkward.
  package static func configuration(_ change: (inout ModelConfiguration) -> Void = { _ in }) -> ModelConfiguration {
    var configuration = ModelConfiguration(
      family: "timm-vit", imageHeight: 6, imageWidth: 9, patchSize: 3, channels: 1, width: 12, depth: 1, heads: 3,
      mlpWidth: 20, layerNormEpsilon: 1e-6, prefixTokens: 1, readout: .classToken, classes: 5)
    change(&configuration)
    return configuration
  }

  /// Sizes that no tile, panel or vector divides.
  package static let awkward: [IntegerModelCase] =
    awkwardConfigurations.map { random($0) } + [
      random(configuration { $0.readout = .tokenMeanThenNorm }, attentionScaling: .probabilities)
    ]

  private static let awkwardConfigurations = [
    configuration { $0.depth = 0 },
    configuration { $0.depth = 2 },
    configuration { $0.heads = 1 },
    configuration { $0.heads = 12 },
    configuration { $0.classes = 0 },
    configuration { $0.classes = 1 },
    configuration { $0.classes = 37 },
    configuration { $0.prefixTokens = 0 },
    configuration { $0.prefixTokens = 5 },
    configuration { $0.mlpWidth = 1 },
    configuration { ($0.width, $0.heads, $0.mlpWidth) = (1, 1, 3) },
    configuration { ($0.width, $0.heads, $0.mlpWidth) = (7, 1, 29) },
    configuration { ($0.width, $0.heads, $0.mlpWidth, $0.depth) = (65, 5, 131, 2) },
    configuration { ($0.width, $0.heads, $0.channels, $0.patchSize) = (36, 2, 3, 1) },
    configuration { ($0.imageHeight, $0.imageWidth, $0.patchSize, $0.channels) = (11, 17, 4, 2) },
    configuration { ($0.imageHeight, $0.imageWidth, $0.width, $0.heads) = (30, 33, 24, 3) },
    // Rotary positions, norms of queries and keys, a gate; several groups of rows in a lean plan.
    configuration {
      ($0.imageHeight, $0.imageWidth, $0.width, $0.heads, $0.depth, $0.prefixTokens) = (30, 33, 48, 3, 2, 5)
      ($0.positions, $0.normsQueriesAndKeys, $0.isGated, $0.activation) = (.rotary, true, true, .silu)
      $0.readout = .normThenTokenMean
    },
    // A norm before the blocks, QuickGELU, a projection.
    configuration {
      ($0.normBeforeBlocks, $0.activation, $0.readout) = (true, .quickGELU, .classTokenThenNorm)
      ($0.projectionWidth, $0.classes) = (7, 0)
    },
    // Attention pooling of the patches, whose rows begin anywhere.
    configuration {
      ($0.imageHeight, $0.imageWidth, $0.width, $0.heads, $0.depth, $0.prefixTokens) = (30, 33, 48, 3, 2, 3)
      ($0.activation, $0.readout) = (.geluTanh, .patchAttentionPooling)
    },
    configuration { ($0.depth, $0.classes, $0.readout) = (0, 0, .attentionPooling) },
    // All norms, of the other kind, and both kinds of positions.
    configuration {
      ($0.width, $0.heads, $0.depth, $0.norm) = (20, 5, 2, .rms)
      ($0.positions, $0.normsAttention, $0.normsHidden, $0.isGated) = (.learnedAndRotary, true, true, true)
      $0.readout = .patchMeanAndMaximumThenNorm
    },
    configuration { ($0.positions, $0.normsHidden, $0.readout) = (.none, true, .normThenPatchMaximum) },
    // Several groups of rows in a lean plan, queries, keys and values one after the other.
    configuration { ($0.imageHeight, $0.imageWidth, $0.width, $0.heads, $0.depth) = (30, 33, 48, 3, 2) },
  ]
}
