import Int8Kernels
import Quant
import ViTLite

/// A calibration as the command line runs it: with a progress bar, from samples to a file.
struct CalibrationRun {
  /// With fewer samples than this, ranges of activations may come out too narrow.
  private static let fewSamples = 16

  let checkpoint: Checkpoint
  let options: CalibrationOptions
  let console: Console

  func quantize(_ samples: SampleSet) throws(CommandError) -> Calibration {
    if samples.count < Self.fewSamples {
      console.note(
        "only \(samples.count) sample\(samples.count == 1 ? "" : "s") to calibrate on; ranges may come out too narrow")
    }
    let calibration = try calibrated(samples)
    if let floor = calibration.floor {
      let names = calibration.wideLayers.map(\.description).joined(separator: ", ")
      console.note(
        "\(NumberText.fixed(floor.before, 1)) dB on calibration images with all layers at 8 bits, which is under "
          + "\(NumberText.fixed(floor.floor, 0)) dB; \(NumberText.fixed(floor.after, 1)) dB with these at int16: \(names)"
      )
    }
    return calibration
  }

  private func calibrated(_ samples: SampleSet) throws(CommandError) -> Calibration {
    var progress = Progress("calibrating", console: console)
    defer { progress.finish() }
    do {
      return try calibrate(
        checkpoint.model, preprocessing: checkpoint.preprocessing, samples: samples, options: options
      ) { step in
        let block = min(step.blocks + 1, step.depth)
        let isOfBlock = ![.embedding, .ranking, .checking].contains(step.phase)
        let stage = isOfBlock ? " block \(block) of \(step.depth)" : ""
        progress.update(stage: step.phase.rawValue + stage, fraction: step.fraction)
      }
    } catch {
      switch error {
      case .unreachable: throw .limit("\(error)")
      case .unknownLayer: throw .usage("\(error)")
      default: throw .input("\(error)")
      }
    }
  }

  /// Images of random pixels, for models of random weights.
  static func randomSamples(_ configuration: ModelConfiguration, count: Int, seed: UInt64) -> SampleSet {
    var samples = SampleSet(
      channels: configuration.channels, height: configuration.imageHeight, width: configuration.imageWidth,
      kind: .pixels, labelled: false)
    for index in 0..<count {
      let pixels = randomPixels(samples.elementsPerSample, seed: seed &+ UInt64(index))
      _ = samples.append(.pixels(pixels), label: nil, name: "random image \(index)")
    }
    return samples
  }

  static func randomPixels(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) }
  }
}

extension Preset {
  /// A checkpoint of random weights, with the preprocessing that most models of this kind have.
  func randomCheckpoint(seed: UInt64) -> Checkpoint {
    let half = [Double](repeating: 0.5, count: configuration.channels)
    let preprocessing = Preprocessing(
      resize: .exact(height: configuration.imageHeight, width: configuration.imageWidth), filter: .bicubic, crop: nil,
      mean: half, standardDeviation: half)
    return Checkpoint(model: .random(self, seed: seed), preprocessing: preprocessing)
  }
}
