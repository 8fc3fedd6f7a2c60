import LibC
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

  @Test("A file that has become shorter is an error, not other results")
  func truncated() throws {
    let (path, pixels) = try Self.largeModel(isWide: false)
    defer { removeFile(path) }
    let model = try IntegerModel(path: path)
    let session = try InferenceSession(
      model: model, threads: 2, weightBytes: InferenceSession.minimumWeightBytes(model, threads: 2))
    let expected = try session.run(pixels).crc32
    let bytes = try MappedFile.contents(of: path, limit: 1 << 30)
    #expect(unsafe truncate(path, off_t(bytes.count / 2)) == 0)
    #expect(throws: InferenceError.weightsUnreadable) { try session.run(pixels) }
    // The session is none the worse for it.
    let descriptor = unsafe open(path, O_WRONLY)
    defer { close(descriptor) }
    #expect(unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) } == bytes.count)
    #expect(try session.run(pixels).crc32 == expected)
  }
}
