import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Holds the drift of the bundled model to what was recorded in `Golden/drift.json`.
@Suite("Recorded drift", .serialized)
struct DriftRegressionTests {
  private static let calibrationImages = 256
  private static let testImages = 1000

  /// What later changes may lose: a few images of a thousand, and noise in the choice of factors.
  private enum Slack {
    static let sqnr = 0.4
    static let agreement = 0.002
    static let top1Drop = 0.2
  }

  @Test("The drift of the bundled model is no worse than recorded", arguments: ActivationMode.allCases)
  func drift(_ activations: ActivationMode) throws {
    let text = try MappedFile.contents(of: GoldenFiles.path("drift.json"), limit: 1 << 16)
    let recorded = try #require(try JSON(parsing: text)[activations.rawValue])
    let checkpoint = try BundledModel.checkpoint()
    let quantized = try calibrate(
      checkpoint.model, preprocessing: checkpoint.preprocessing,
      samples: BundledModel.calibrationSamples(Self.calibrationImages),
      options: CalibrationOptions(activations: activations, threads: ProcessorCount.available)
    ).model
    let drift = try BundledModel.drift(quantized, checkpoint, BundledModel.testSamples(Self.testImages))
    let sqnr = try #require(drift.logitSQNR)
    let agreement = try #require(drift.agreement)
    let top1Drop = try #require(drift.top1Drop)
    let found = "\(activations): \(sqnr) dB, agreement \(agreement), top-1 drop \(top1Drop)"
    #expect(sqnr >= (try #require(recorded["logit_sqnr_db"]?.double)) - Slack.sqnr, "\(found)")
    #expect(agreement >= (try #require(recorded["agreement"]?.double)) - Slack.agreement, "\(found)")
    #expect(top1Drop <= (try #require(recorded["top1_drop"]?.double)) + Slack.top1Drop, "\(found)")
  }
}
