import Int8Kernels
import Quant
import ViTLite

/// What is said of input values that no pixel of a model has: a wrong normalisation would look like bad quantization.
enum ClippedInputs {
  static func warn(share: Double?, of source: String) {
    guard let share, share > 0 else { return }
    Console.warn(
      "\(percent(share)) of the input values are beyond what pixels of the int8 model can have, and were clipped, "
        + "\(source), expected values that are normalised as the model's preprocessing says")
  }

  /// Says that a calibration's samples are no pixels that went through the model's preprocessing.
  static func warn(_ samples: SampleSet, _ preprocessing: Preprocessing?, source: String) {
    guard samples.kind == .values, let preprocessing, samples.count > 0 else { return }
    let mapping = PixelNormalization(preprocessing, channels: samples.channels).mapping
    let clipped = (0..<samples.count).reduce(0) {
      $0 + mapping.clippedCount(samples.values(of: $1, preprocessing: preprocessing))
    }
    guard clipped > 0 else { return }
    let share = Double(clipped) / Double(samples.count * samples.elementsPerSample)
    Console.warn(
      "\(percent(share)) of the values are beyond what the model's preprocessing gives, \(source), so that the int8 "
        + "model has a coarser scale for its pixels, expected values that are normalised as the preprocessing says")
  }

  private static func percent(_ share: Double) -> String {
    share < 0.0001 ? "less than 0.01%" : NumberText.percent(share)
  }
}
