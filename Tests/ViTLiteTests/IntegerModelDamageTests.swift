import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Damaged int8 models are refused or run, the same on every instruction set; nothing traps.
@Suite("Damaged int8 models")
struct IntegerModelDamageTests {
  private static let models: [(bytes: [UInt8], dataOffset: Int)] = {
    let configuration = IntegerModelCase.configuration { $0.classes = 3 }
    let example = IntegerModelCase.random(configuration)
    var options = ActivationMode.allCases.map { CalibrationOptions(activations: $0) }
    options.append(CalibrationOptions())
    options[2].wideLayers = (try? example.layerNames) ?? []
    return options.compactMap { options in
      guard let bytes = try? example.quantized(options).bytes, let model = try? IntegerModel(bytes) else { return nil }
      return (bytes, model.contents.dataOffset)
    }
  }()

  /// Runs what loads; expects the same from all instruction sets.
  /// - Returns: whether it loaded.
  private func loadAndRun(_ bytes: [UInt8], _ what: @autoclosure () -> String) throws -> Bool {
    guard let model = try? IntegerModel(bytes) else { return false }
    _ = try? model.verifyChecksums()
    let configuration = model.configuration
    let count = configuration.channels * configuration.imageHeight * configuration.imageWidth
    let pixels = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    var expected: [Int32]?
    for set in InstructionSet.available {
      let found = try InferenceSession(model: model, instructionSet: set).run(pixels).logits
      if let expected { #expect(found == expected, "\(set), \(what())") }
      expected = found
    }
    return true
  }

  @Test("Every truncation is refused")
  func truncation() throws {
    for model in Self.models {
      let end = try IntegerModel(model.bytes).contents.tensors.map(\.range.upperBound).max() ?? 0
      let lengths = Array(stride(from: 0, to: end, by: 64)) + [1, 3, 23, 24, 25, end - 1]
      for length in lengths {
        #expect(throws: IntegerModelError.self, "\(length) bytes") { try IntegerModel(Array(model.bytes[..<length])) }
      }
    }
  }

  @Test("A model with damaged metadata is refused, or gives the same bits on every instruction set", arguments: 0..<4)
  func damagedMetadata(_ part: UInt64) throws {
    var generator = SplitMix64(seed: 40 + part)
    var loaded = 0
    for model in Self.models {
      for _ in 0..<2000 {
        var bytes = model.bytes
        let first = Int.random(in: 0..<model.dataOffset, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[first] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[first] = UInt8.random(in: 0...255, using: &generator)
        default:
          for index in first..<min(first + 4, model.dataOffset) {
            bytes[index] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
          }
        }
        if try loadAndRun(bytes, "offset \(first)") { loaded += 1 }
      }
    }
    // Much of the metadata describes rather than decides, so some of these must have run.
    #expect(loaded > 100)
  }

  @Test("A model with damaged tensors is refused, or gives the same bits on every instruction set", arguments: 0..<2)
  func damagedTensors(_ part: UInt64) throws {
    var generator = SplitMix64(seed: 50 + part)
    var loaded = 0
    for model in Self.models {
      for _ in 0..<1000 {
        var bytes = model.bytes
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
          let index = Int.random(in: model.dataOffset..<bytes.count, using: &generator)
          bytes[index] = UInt8.random(in: 0...255, using: &generator)
        }
        if try loadAndRun(bytes, "tensors") { loaded += 1 }
      }
    }
    #expect(loaded > 100)
  }

  /// The integers at the ends of every array of int32: no sum or product of them may trap or differ.
  @Test("A model with extreme 32-bit integers is refused, or gives the same bits on every instruction set")
  func extremeTensors() throws {
    for model in Self.models {
      let tensors = try IntegerModel(model.bytes).contents.tensors
      for tensor in tensors where tensor.type == .int32 {
        for value in [Int32.min, .max, -32767, 32767, 0] {
          var bytes = model.bytes
          for offset in stride(from: tensor.range.lowerBound, to: tensor.range.upperBound, by: 4) {
            bytes.replaceSubrange(offset..<offset + 4, with: LittleEndian.bytes(of: [value]))
          }
          _ = try loadAndRun(bytes, "\(tensor.name) = \(value)")
        }
      }
    }
  }

  @Test("A readout of tokens that are not there is refused")
  func missingTokens() throws {
    let example = IntegerModelCase.random(
      IntegerModelCase.configuration {
        ($0.imageHeight, $0.imageWidth, $0.prefixTokens) = (3, 3, 2)
        $0.readout = .classAndDistillationToken
      })
    var quantized = try example.quantized()
    _ = try IntegerModel(quantized.bytes)
    quantized.configuration.prefixTokens = 0
    quantized.positions.removeFirst(2 * 12)
    #expect(
      throws: IntegerModelError.invalid(
        what: "0 prefix tokens", where: "key vit.prefix_tokens",
        expected: "at least 2, which the readout class_and_distillation_token reads")
    ) { try IntegerModel(quantized.bytes) }
  }
}
