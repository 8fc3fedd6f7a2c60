import Foundation
import LibC
import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Sessions that come and go in many threads. `scripts/sanitize` runs this under the thread sanitizer, for as many
/// seconds as `VIT_QUANT_LONG_RUN` says.
@Suite("Long runs")
struct LongRunTests {
  private static let seconds = ProcessInfo.processInfo.environment["VIT_QUANT_LONG_RUN"].flatMap { Int($0) } ?? 1

  @Test("Many sessions of one model in many threads give the same integers at any time")
  func manySessions() throws {
    let example = try IntegerModelCase.golden("timm-vit-reg-layerscale")
    let model = try IntegerModel(example.quantized().bytes)
    let images = example.pixels(model)
    let session = try InferenceSession(model: model, instructionSet: .portable)
    let expected = try images.map { try session.run($0).crc32 }
    let end = ContinuousClock.now + .seconds(Self.seconds)
    let counts = concurrentMap(count: 6, threads: 6) { thread -> Result<Int, InferenceError> in
      Result { () throws(InferenceError) in
        var runs = 0
        while ContinuousClock.now < end || runs == 0 {
          let session = try InferenceSession(
            model: model, threads: 1 + thread % 3, plan: thread.isMultiple(of: 2) ? .fast : .lean)
          for index in 0..<20 {
            let image = (thread + index) % images.count
            guard try session.run(images[image]).crc32 == expected[image] else { return -1 }
            runs += 1
          }
        }
        return runs
      }
    }
    for count in counts { #expect(try count.get() > 0) }
  }
}
