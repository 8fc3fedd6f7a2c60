import Int8Kernels
import ViTLite

/// Measures the drift of candidates against the float model on a few calibration samples.
struct DriftProbe {
  static let sampleLimit = 8

  private let samples: [Sample]
  private let references: [[Float]]
  private let threads: Int

  init(_ model: FloatModel, preprocessing: Preprocessing?, samples: SampleSet, threads: Int) {
    let count = min(Self.sampleLimit, samples.count)
    self.samples = (0..<count).map { samples[$0 * samples.count / count] }
    self.threads = threads
    let reference = FloatReference(model)
    let chosen = self.samples
    references = concurrentMap(count: count, threads: threads) { () throws(Never) in
      FloatWorkspace(model.configuration)
    } body: { (workspace, index) throws(Never) in
      let values = chosen[index].values(preprocessing: preprocessing, channels: model.configuration.channels)
      var tap = NoTap()
      let output = reference.run(values.span, workspace: workspace, tap: &tap)
      return output.logits ?? output.lastHiddenState
    }
  }

  /// Mean over the samples, in dB.
  /// - Parameter outputs: what to compare with, for each sample; nil for those of the float model.
  func sqnr(of candidate: IntegerModel, against outputs: [[Float]]? = nil) throws(CalibrationError) -> Double {
    var total = 0.0
    for (expected, got) in zip(outputs ?? references, try self.outputs(of: candidate)) {
      var comparison = Comparison()
      comparison.add(reference: expected.span, got: got.span)
      total += comparison.sqnr
    }
    return total / Double(max(samples.count, 1))
  }

  /// What an int8 model gives for each sample.
  func outputs(of model: IntegerModel) throws(CalibrationError) -> [[Float]] {
    let samples = samples
    do throws(InferenceError) {
      return try concurrentMap(count: samples.count, threads: threads) {
        () throws(InferenceError) -> InferenceSession in
        try InferenceSession(model: model)
      } body: { (session: inout InferenceSession, index) throws(InferenceError) -> [Float] in
        let output = try session.run(model.pixels(of: samples[index]))
        return output.dequantizedLogits ?? output.dequantizedFinalTokens
      }
    } catch { throw .candidate("\(error)") }
  }
}
