import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Limits on dimensions")
struct ModelLimitsTests {
  @Test(
    "A configuration is valid up to each limit, and not beyond",
    arguments: DimensionLimit.dimensions + DimensionLimit.products)
  func configurations(_ limit: DimensionLimit) throws {
    try limit.atLimit.validate()
    #expect(throws: ModelLimitError.self) { try limit.beyond.validate() }
  }

  @Test(
    "The model file is read up to each limit, and not beyond",
    arguments: DimensionLimit.dimensions + DimensionLimit.products)
  func modelFiles(_ limit: DimensionLimit) throws {
    // The first thing that is missing from a file of dimensions alone.
    let missing = IntegerModelError.format(.missingKey("vit.activations", expected: "a string"))
    #expect(throws: missing) { try IntegerModel(file(limit.atLimit)) }
    do throws(IntegerModelError) {
      _ = try IntegerModel(file(limit.beyond))
      Issue.record("accepted")
    } catch {
      guard case .invalid = error else {
        Issue.record(error)
        return
      }
    }
  }

  @Test("Negative and overflowing dimensions are refused", arguments: [-1, .min, .max, 1 << 32, 1 << 62])
  func extremes(_ value: Int) {
    for field in DimensionLimit.fields {
      var configuration = DimensionLimit.base
      configuration[keyPath: field] = value
      #expect(throws: ModelLimitError.self) { try configuration.validate() }
    }
  }

  @Test("A variant that nothing computes is refused")
  func unknownVariants() throws {
    var configuration = DimensionLimit.base
    (configuration.isGated, configuration.readout) = (true, .attentionPooling)
    #expect(throws: ModelLimitError.self) { try configuration.validate() }
    #expect(throws: IntegerModelError.self) { try IntegerModel(file(configuration)) }
    let choices = [
      ("position_scheme", PositionScheme.allCases.map(\.rawValue)),
      ("activation_function", ActivationFunction.allCases.map(\.rawValue)),
    ]
    for (key, valid) in choices {
      #expect(
        throws: IntegerModelError.invalid(
          what: "\"new\"", where: "key vit.\(key)", expected: "one of \(valid.joined(separator: ", "))")
      ) { try IntegerModel(file(DimensionLimit.base, changing: key, to: .string("new"))) }
    }
  }

  @Test("1025 heads and 17 channels are calibrated, written, read and run")
  func unusualDimensions() throws {
    let example = IntegerModelCase.random(
      IntegerModelCase.configuration {
        ($0.imageHeight, $0.imageWidth, $0.channels) = (3, 6, 17)
        ($0.width, $0.heads, $0.mlpWidth) = (1025, 1025, 5)
      })
    for activations in ActivationMode.allCases {
      let model = try IntegerModel(
        example.quantized(CalibrationOptions(activations: activations, smoothing: false, rounding: .nearest)).bytes)
      #expect(model.configuration.heads == 1025 && model.configuration.channels == 17)
      let checksums = try InstructionSet.available.map { set in
        try InferenceSession(model: model, instructionSet: set).run(example.pixels(model)[0]).crc32
      }
      #expect(Set(checksums).count == 1)
    }
  }

  /// A model file with dimensions and nothing else.
  private func file(
    _ configuration: ModelConfiguration, changing changed: String? = nil, to value: GGUFValue = .uint32(0)
  ) -> [UInt8] {
    let dimensions: [(String, Int)] = [
      ("image_height", configuration.imageHeight), ("image_width", configuration.imageWidth),
      ("patch_size", configuration.patchSize), ("channels", configuration.channels),
      ("embedding_length", configuration.width), ("block_count", configuration.depth),
      ("attention.head_count", configuration.heads), ("feed_forward_length", configuration.mlpWidth),
      ("prefix_tokens", configuration.prefixTokens), ("classes", configuration.classes),
    ]
    var writer = GGUFWriter()
    writer.set("general.architecture", .string(ModelKey.architecture))
    for (name, value) in dimensions { writer.set(ModelKey.metadata(name), .int64(Int64(value))) }
    writer.set(ModelKey.metadata("family"), .string(configuration.family))
    writer.set(ModelKey.metadata("layer_norm_epsilon"), .float64(configuration.layerNormEpsilon))
    writer.set(ModelKey.metadata("norm_before_blocks"), .bool(configuration.normBeforeBlocks))
    writer.set(ModelKey.metadata("readout"), .string(configuration.readout.rawValue))
    if let changed { writer.set(ModelKey.metadata(changed), value) }
    return writer.serialized()
  }
}
