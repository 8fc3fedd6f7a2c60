import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// `verify` finds what is not as it was written, and what a careful liar wrote with the right checksums.
@Suite("Verification of model files")
struct VerificationTests {
  /// As small as a model with every part can be, so that all of its bits can be tried.
  private static func smallest() throws -> QuantizedModel {
    let configuration = IntegerModelCase.configuration {
      ($0.imageHeight, $0.imageWidth, $0.width, $0.heads, $0.mlpWidth, $0.classes) = (3, 3, 3, 1, 2, 2)
    }
    return try IntegerModelCase.random(configuration).quantized()
  }

  private func isFound(_ bytes: [UInt8]) -> Bool {
    do throws(IntegerModelError) {
      try IntegerModel(bytes).verify()
      return false
    } catch { return true }
  }

  @Test("Any single bit that is not as it was written is found", arguments: 0..<8)
  func everyBit(_ bit: UInt8) throws {
    var bytes = try Self.smallest().bytes
    try IntegerModel(bytes).verify()
    for index in bytes.indices {
      bytes[index] ^= 1 << bit
      if !isFound(bytes) { Issue.record("bit \(bit) of byte \(index)") }
      bytes[index] ^= 1 << bit
    }
  }

  @Test("A byte that is missing or added anywhere is found")
  func length() throws {
    let bytes = try Self.smallest().bytes
    for index in bytes.indices {
      var damaged = bytes
      damaged.remove(at: index)
      if !isFound(damaged) { Issue.record("byte \(index) missing") }
      damaged = bytes
      damaged.insert(bytes[index], at: index)
      if !isFound(damaged) { Issue.record("byte \(index) twice") }
    }
    #expect(isFound(bytes + [0]))
    #expect(isFound(bytes + [UInt8](repeating: 0, count: 64)))
  }

  @Test("A file without the checksum of its header is refused")
  func noHeaderChecksum() throws {
    var bytes = try Self.smallest().bytes
    let model = try IntegerModel(bytes)
    let place = try #require(model.contents.placeOfUInt32(ModelKey.headerChecksum))
    // The last letter of the key, before the value's type and the value.
    bytes[place.lowerBound - 5] = UInt8(ascii: "3")
    let renamed = try IntegerModel(bytes)
    #expect(
      throws: IntegerModelError.format(
        .missingKey("vit.header_crc32", expected: "a checksum; \"vit-quant calibrate\" writes one"))
    ) {
      try renamed.verifyChecksums()
    }
  }

  /// A model whose checksums are right and whose numbers are changed.
  private func lie(_ change: (inout QuantizedModel) -> Void) throws -> [UInt8] {
    var model = try Self.smallest()
    change(&model)
    return model.bytes
  }

  @Test("Column sums that are not those of the weights are found")
  func columnSums() throws {
    let close = try lie { $0.blocks[0].layers.ffnUp.columnSum[1] += 1 }
    #expect(
      throws: IntegerModelError.invalid(
        what: "a wrong column sum of output 1", where: "layer blk.0.ffn_up", expected: "the sum of its weights")
    ) { try IntegerModel(close).verify() }
    // Sums that no weights give are refused when the model is loaded.
    let far = try lie { $0.blocks[0].layers.ffnUp.columnSum[1] = .max }
    #expect(throws: IntegerModelError.self) { try IntegerModel(far) }
    let padded = try lie { $0.blocks[0].layers.ffnUp.bias[15] = 1 }
    #expect(throws: IntegerModelError.self) { try IntegerModel(padded) }
  }

  @Test("Factors of the hidden layer's channels that are not 1 to 32767, or not one for each channel, are refused")
  func hiddenFactors() throws {
    let good = try lie { $0.blocks[0].hiddenFactors = [1, 32767] }
    try IntegerModel(good).verify()
    for wrong: [Int16] in [[0, 5], [5, -1], [.min, 5]] {
      let bytes = try lie { $0.blocks[0].hiddenFactors = wrong }
      let index = try #require(wrong.firstIndex { $0 < 1 })
      #expect(
        throws: IntegerModelError.invalid(
          what: "\(wrong[index])", where: "tensor \"blk.0.ffn_act.factor\", element \(index)", expected: "1 to 32767")
      ) { try IntegerModel(bytes) }
    }
    for count in [1, 3] {
      let bytes = try lie { $0.blocks[0].hiddenFactors = Array(repeating: 5, count: count) }
      #expect(
        throws: IntegerModelError.invalid(
          what: "\(2 * count) bytes of I16", where: "tensor \"blk.0.ffn_act.factor\"", expected: "4 bytes of I16")
      ) { try IntegerModel(bytes) }
    }
  }

  @Test("Bounds that are not those of the weights are found", arguments: ["accumulator_bound", "output_bound"])
  func bounds(_ bound: String) throws {
    var writer = try Self.smallest().encoded()
    let key = "vit.blk.0.attn_qkv.\(bound)"
    writer.set(key, .int64(0))
    let model = try IntegerModel(writer.serialized())
    try model.verifyChecksums()
    do throws(IntegerModelError) {
      try model.verify()
      Issue.record("a bound of 0 was not found out")
    } catch {
      #expect(error.description.hasPrefix("0, key \(key), expected "))
    }
  }

  @Test("Padding of the weights that is not 0 is refused when the model is loaded")
  func weightPadding() throws {
    // 3 inputs and 2 outputs: the fourth input of output 0, and the third output.
    var (narrow, wide) = ([Int8](repeating: 0, count: 64), [Int16](repeating: 0, count: 64))
    var spoiled: [PackedWeights] = []
    for (index, wideIndex) in [(3, 33), (8, 4)] {
      (narrow[index], wide[wideIndex]) = (1, 256)
      spoiled += [.int8(narrow), .int16(wide)]
      (narrow[index], wide[wideIndex]) = (0, 0)
    }
    for weights in spoiled {
      let bytes = try lie { $0.blocks[0].layers.ffnUp.weights = weights }
      #expect(
        throws: IntegerModelError.invalid(
          what: "padding of the weights that is not 0", where: "layer blk.0.ffn_up",
          expected: "zeros beyond 2 outputs and 3 inputs")
      ) { try IntegerModel(bytes) }
    }
  }

  @Test("A layer in the two planes of earlier versions is refused, with what to do")
  func planesOfWeights() throws {
    var writer = try Self.smallest().encoded()
    writer.add("blk.0.ffn_up.weight_low", .int8, dimensions: [64], bytes: [UInt8](repeating: 0, count: 64))
    #expect(
      throws: IntegerModelError.invalid(
        what: "int16 weights in two planes", where: "layer blk.0.ffn_up",
        expected: "the I16 weights that this version writes: calibrate the model again")
    ) { try IntegerModel(writer.serialized()) }
  }

  @Test("Wide attention is refused where a head is too wide for exact scores")
  func wideHeads() throws {
    for (width, isValid) in [(128, true), (132, false)] {
      var model = try IntegerModelCase.random(IntegerModelCase.configuration { ($0.width, $0.heads) = (width, 1) })
        .quantized()
      #expect(model.widthNames.contains(.attention(0)) == isValid)
      model.blocks[0].hasWideAttention = true
      if isValid {
        _ = try IntegerModel(model.bytes)
      } else {
        #expect(throws: IntegerModelError.self) { try IntegerModel(model.bytes) }
      }
    }
  }

  @Test("Positions beyond the residual stream's range are refused when the model is loaded")
  func positions() throws {
    let bytes = try lie { $0.positions[4] = 1 << 30 }
    #expect(
      throws: IntegerModelError.invalid(
        what: "1073741824", where: "tensor \"position_embd\", element 4", expected: "-1073741823 to 1073741823")
    ) { try IntegerModel(bytes) }
  }

  @Test("Numbers of the preprocessing that no image could be prepared with are refused")
  func preprocessing() throws {
    func bytes(_ change: (inout Preprocessing) -> Void) throws -> [UInt8] {
      var preprocessing = Preprocessing(
        resize: .none, filter: .bilinear, crop: nil, mean: [0.5], standardDeviation: [0.5])
      change(&preprocessing)
      return try lie { $0.preprocessing = preprocessing }
    }
    _ = try IntegerModel(bytes { _ in })
    for value in [0, -1, .nan, .infinity, .leastNonzeroMagnitude, 1e300] {
      #expect(throws: IntegerModelError.self, "\(value)") {
        try IntegerModel(bytes { $0.standardDeviation = [value] })
      }
      #expect(throws: IntegerModelError.self, "\(value)") { try IntegerModel(bytes { $0.rescaleFactor = value }) }
    }
    for value in [Double.nan, -.infinity, 1e300] {
      #expect(throws: IntegerModelError.self, "\(value)") { try IntegerModel(bytes { $0.mean = [value] }) }
    }
    for value in [0, -1, Float.nan, .infinity, .leastNonzeroMagnitude] {
      let bytes = try lie { $0.pixelMapping = PixelMapping(scale: [value], offset: [0]) }
      #expect(throws: IntegerModelError.self, "\(value)") { try IntegerModel(bytes) }
    }
  }

  /// Blocks times heads times the length of an array must not be what it takes.
  @Test("A static model of 1024 blocks with 32 heads is written, read and verified in a moment")
  func manyBlocks() throws {
    let configuration = IntegerModelCase.configuration { ($0.width, $0.heads, $0.mlpWidth) = (32, 32, 4) }
    var model = try IntegerModelCase.random(configuration).quantized(CalibrationOptions(activations: .static))
    model.configuration.depth = 1024
    model.blocks = [QuantizedBlock](repeating: model.blocks[0], count: 1024)
    let start = ContinuousClock.now
    let bytes = model.bytes
    let read = try IntegerModel(bytes)
    try read.verify()
    #expect(read.blocks.count == 1024)
    #expect(read.blocks[1023].queryQuantizers.count == 32)
    #expect(ContinuousClock.now - start < .seconds(120))
  }

  @Test("A tensor without elements is refused")
  func emptyTensor() throws {
    var writer = try Self.smallest().encoded()
    writer.add("empty", .int8, dimensions: [0, 1 << 40], bytes: [])
    #expect(
      throws: IntegerModelError.format(
        .malformedTensor(name: "empty", problem: "a dimension of 0, expected at least 1"))
    ) { try IntegerModel(writer.serialized()) }
  }
}
