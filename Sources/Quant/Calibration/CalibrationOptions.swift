import Int8Kernels
import ViTLite

/// How weights become integers.
public enum WeightRoundingMode: String, Sendable, CaseIterable {
  /// Each to the nearest level.
  case nearest
  /// So that the layer's outputs for the calibration data change least (GPTQ, arXiv 2210.17323). The mean of the
  /// remaining error is subtracted from the bias.
  case calibrated
}

/// Whether the residual stream is rotated; see `HadamardRotation`.
public enum RotationMode: String, Sendable, CaseIterable {
  /// Where weights have outliers that the rotation spreads.
  case auto
  case on
  case off
}

/// What a user chooses about a calibration.
public struct CalibrationOptions: Sendable, Equatable {
  /// How static ranges are chosen. With nil a range holds all values seen; with at least two samples, the ranges of
  /// linear layers' inputs are then moved to where the layer's output drifts least.
  public var observer: ObserverKind?
  public var activations: ActivationMode
  /// Whether channels with large activations are divided, and the weights that read them multiplied; see `Smoothing`.
  public var smoothing: Bool
  /// Whether the residual stream is rotated, so that no few channels are much larger than the others.
  public var rotation: RotationMode
  /// Planes of 8 bits for the softmax's output, 1 or 2.
  public var softmaxPlanes: Int
  public var rounding: WeightRoundingMode
  /// Whether few samples are made more by variants of them: parts, mirrored images, other light and colors.
  public var variants: Bool
  /// Layers that stay wide: int16 weights and activations; of attention, int16 queries, keys, values and
  /// probabilities.
  public var wideLayers: [LayerName] = []
  /// The SQNR to reach, in dB, on mirrored copies of the calibration images, which weights were not fitted to: layers are
  /// widened until it is, those first that gain most for the time that they take.
  public var targetSQNR: Double?
  /// The SQNR, in dB, under which the calibration images must not be, neither in the logits nor in the final tokens: where
  /// they are with all layers at 8 bits, layers are widened as for a target, and as far as that helps. Nil to leave them.
  public var floorSQNR: Double?
  /// Whether a target beyond reach is lowered, rather than refused; also, whether the images are taken as they are.
  var isForFloor = false
  /// Whether to rank the layers by the drift that each alone causes.
  public var ranksLayers = false
  /// Of the random choice of tokens on which smoothing and rounding are searched.
  public var seed: UInt64
  public var threads: Int

  public init(
    observer: ObserverKind? = nil, activations: ActivationMode = .dynamic, smoothing: Bool = true,
    rotation: RotationMode = .auto, softmaxPlanes: Int = 2, rounding: WeightRoundingMode = .calibrated,
    variants: Bool = true, seed: UInt64 = 0,
    threads: Int = 1
  ) {
    self.observer = observer
    self.activations = activations
    self.smoothing = smoothing
    self.rotation = rotation
    self.softmaxPlanes = softmaxPlanes
    self.rounding = rounding
    self.variants = variants
    self.seed = seed
    self.threads = threads
  }
}

extension CalibrationOptions {
  /// Fewer samples get variants. Static ranges need more of what images can be than scales for each row do, and so does a
  /// target that is to hold for other images.
  var wantedSamples: Int { activations == .static || targetSQNR != nil ? 64 : 48 }
}

/// Why a model can't be calibrated.
public enum CalibrationError: Error, Equatable, Sendable {
  case noSamples
  case sampleShape(found: [Int], expected: [Int])
  /// A value that is NaN or infinite, in a sample or in an activation of the model for it.
  case notFinite(what: String, sample: String)
  /// A layer whose numbers leave single precision when norms, scales and smoothing are taken into them.
  case tooLarge(layer: String)
  case overflow(layer: String, bound: Int64)
  case unknownLayer(String, layers: [String])
  case unreachable(target: Double, best: Double)
  /// An int8 model that was made could not be run: a defect of this program.
  case candidate(String)
}

extension CalibrationError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSamples: "no samples to calibrate on, expected at least 1"
    case .sampleShape(let found, let expected):
      "samples of \(Self.shape(found)), expected \(Self.shape(expected)) (channels x height x width)"
    case .notFinite(let what, let sample): "NaN or infinity in \(what), sample \(sample), expected finite values"
    case .tooLarge(let layer):
      "numbers beyond single precision in layer \(layer), with the norms and scales beside it, expected smaller weights "
        + "and gains"
    case .overflow(let layer, let bound):
      "an integer that can reach \(bound), layer \(layer), expected at most \(Int32.max): the weights are too large"
    case .unknownLayer(let name, let layers):
      "layer \"\(name)\", expected one of \(layers.joined(separator: ", "))"
    case .candidate(let problem): "an int8 model that does not run: \(problem)"
    case .unreachable(let target, let best):
      "\(target) dB on the calibration data, expected at most \(Double((best * 10).rounded(.down)) / 10) dB: "
        + "what all layers at int16 reach"
    }
  }

  private static func shape(_ extents: [Int]) -> String {
    extents.map { String($0) }.joined(separator: " x ")
  }
}
