import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Weights that do not stay in memory")
struct WeightWindowTests {
  /// A model of several megabytes, so that a window holds little of it.
  private static func largeModel(isWide: Bool) throws -> (path: String, pixels: [UInt8]) {
    let configuration = IntegerModelCase.configuration {
      ($0.width, $0.heads, $0.mlpWidth, $0.depth) = (256, 4, 1024, 4)
    }
    let example = IntegerModelCase.random(configuration)
    var options = CalibrationOptions(rounding: .nearest)
    if isWide { options.wideLayers = try example.layerNames }
    let quantized = try example.quantized(options)
    let path = try temporaryFile([])
    let model = try quantized.write(to: path)
    return (path, example.pixels(model)[0])
  }

  @Test(
    "A model gives the same bits with a window as with all its weights in memory", arguments: PlanKind.allCases,
    [false, true])
  func sameBits(plan: PlanKind, isWide: Bool) throws {
    let (path, pixels) = try Self.largeModel(isWide: isWide)
    defer { removeFile(path) }
    let model = try IntegerModel(path: path)
    let expected = try InferenceSession(model: model).run(pixels).crc32
    for threads in 1...3 {
      let least = InferenceSession.minimumWeightBytes(model, threads: threads)
      #expect(least < model.byteCount / 2)
      for bytes in [least, 2 * least, model.byteCount] {
        let session = try InferenceSession(model: model, threads: threads, plan: plan, weightBytes: bytes)
        for _ in 0..<2 { #expect(try session.run(pixels).crc32 == expected, "\(bytes) bytes, \(threads) threads") }
      }
    }
  }

  @Test("Fewer bytes than a product needs are refused")
  func tooFew() throws {
    let (path, _) = try Self.largeModel(isWide: false)
    defer { removeFile(path) }
    let model = try IntegerModel(path: path)
    let least = InferenceSession.minimumWeightBytes(model, threads: 2)
    #expect(throws: InferenceError.weightBytes(found: least - 1, expected: least)) {
      try InferenceSession(model: model, threads: 2, weightBytes: least - 1)
    }
  }

  @Test("What is read is never more than the window before older weights are let go")
  func capacity() throws {
    final class Log: @unchecked Sendable {
      var held = 0
      var most = 0
      var releases = 0
    }
    let (path, _) = try Self.largeModel(isWide: true)
    defer { removeFile(path) }
    let model = try IntegerModel(path: path)
    let log = Log()
    let memory = WeightMemory(
      prepare: { part in
        log.held += part.count
        log.most = max(log.most, log.held)
      },
      release: { (log.held, log.releases) = (0, log.releases + 1) })
    let capacity = InferenceSession.minimumWeightBytes(model, threads: 1)
    let window = WeightWindow(memory, capacity: capacity, now: nil)
    for layer in model.layerNames.compactMap({ model.layer($0) }) {
      let size = window.outputsAtATime(layer)
      for first in stride(from: 0, to: layer.outputs, by: size) {
        window.read(layer.panels(first..<min(first + size, layer.outputs)))
      }
    }
    #expect(log.releases > 5)
    #expect(log.most <= capacity)
  }
}
