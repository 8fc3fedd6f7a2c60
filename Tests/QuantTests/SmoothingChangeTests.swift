import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

@Suite("What smoothing changes")
struct SmoothingChangeTests {
  /// Two passes beside each other, which compute the same function.
  @Test(
    "What a block shows, moved as smoothing moves it, is what the smoothed block shows",
    arguments: GoldenFiles.models + GoldenFiles.families)
  func observations(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    let (model, configuration) = (example.model, example.model.configuration)
    var options = CalibrationOptions()
    options.threads = 1
    func pass() throws(CalibrationError) -> CalibrationPass {
      var pass = CalibrationPass(
        FloatReference(model.foldedFrame(rotatedBy: nil)), samples: example.samples,
        scope: ObservationScope(ranges: nil, sampledRows: 20), options: options)
      _ = try pass.embed(preprocessing: nil) { _ in }
      return pass
    }
    var (plain, smoothed) = (try pass(), try pass())
    let all = [0..<example.samples.count]
    for index in 0..<configuration.blockCount {
      let folded = model.foldedBlock(index, rotatedBy: nil)
      var seen = try plain.run(folded, at: index, parts: all) { _ in }[0]
      let (block, change) = folded.smoothed(seen, rotatedWidth: model.rotatedWidth(at: index), options: options)
      seen.follow(change, of: block, threads: 2)
      let expected = try smoothed.run(block, at: index, parts: all) { _ in }[0]
      let (found, wanted) = (Self.numbers(seen, configuration), Self.numbers(expected, configuration))
      for (found, wanted) in zip(found, wanted) {
        let largest = wanted.values.map(\.magnitude).max() ?? 0
        let error = zip(found.values, wanted.values).map { ($0 - $1).magnitude }.max() ?? 0
        #expect(found.values.count == wanted.values.count && error <= 1e-3 * largest, "\(wanted.name), block \(index)")
      }
    }
  }

  private static func numbers(
    _ seen: BlockObservation, _ configuration: ModelConfiguration
  ) -> [(name: String, values: [Float])] {
    let width = configuration.width
    let statistics = seen.seen
    var result: [(name: String, values: [Float])] = [
      ("queries and keys", Array(statistics.qkv.magnitude[..<(2 * width)])),
      ("values", Array(statistics.qkv.magnitude[(2 * width)...])),
      ("projected queries", [statistics.projectedQuery.magnitude]),
      ("projected keys", [statistics.projectedKey.magnitude]),
      ("what the activation reads", [statistics.mlpInput.minimum, statistics.mlpInput.maximum]),
      ("gates", statistics.gateFactor.magnitude), ("gated", [statistics.gated.magnitude]),
      ("hidden", [statistics.hidden.magnitude]), ("leaving", [seen.leaving.magnitude]),
    ]
    for layer in BlockLayer.allCases {
      result.append(("inputs of \(layer)", statistics.inputs[layer].magnitude))
      result.append(("rows of \(layer)", seen.rows[layer]))
    }
    return result
  }
}
