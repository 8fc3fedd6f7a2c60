import Int8Kernels
import Quant
import ViTLite

/// A model of either kind, ready to run; threads share it.
struct InferenceModel: Sendable {
  enum Engine: Sendable {
    case float(FloatReference)
    case integer(IntegerModel, Execution)
  }

  let engine: Engine
  let configuration: ModelConfiguration
  let preprocessing: Preprocessing?
  var assumptions = Assumptions()

  init(_ checkpoint: Checkpoint) {
    engine = .float(FloatReference(checkpoint.model))
    configuration = checkpoint.model.configuration
    preprocessing = checkpoint.preprocessing
    assumptions = Assumptions(checkpoint)
  }

  init(_ model: IntegerModel, _ execution: Execution) {
    engine = .integer(model, execution)
    configuration = model.configuration
    preprocessing = model.preprocessing
  }

  /// Loads a model of either kind.
  ///
  /// - Parameters:
  ///   - size: what a float model is to run at; nil for its own.
  ///   - verifies: whether an int8 model's checksums are checked.
  static func load(
    path: String, size: (height: Int, width: Int)?, _ execution: Execution, verifies: Bool = true
  ) throws(CommandError) -> InferenceModel {
    switch try ModelFile.kind(of: path) {
    case .float: InferenceModel(try ModelFile.loadFloat(path, size: size))
    case .integer:
      InferenceModel(
        try ModelFile.loadInteger(path, verifies: verifies, keepsPages: !execution.holdsLittle), execution)
    }
  }

  /// What one thread needs to run the model.
  /// - Parameter threads: that work together on one image; the float reference uses one.
  func makeWorker(threads: Int) throws(CommandError) -> InferenceWorker {
    switch engine {
    case .float(let reference):
      return InferenceWorker(engine: .float(reference, FloatWorkspace(configuration)), preprocessing: preprocessing)
    case .integer(let model, let execution):
      return InferenceWorker(
        engine: .integer(try execution.session(model, threads: threads), model), preprocessing: preprocessing,
        holdsLittle: execution.holdsLittle)
    }
  }
}

/// What a model gave for one image.
struct Inference: Sendable {
  /// Of a model that norms only a pooled vector, the final tokens are the residual stream leaving the last block.
  var outputs: ModelOutputs
  /// Nil with a head or a projection.
  var poolerOutput: [Float]?
  /// Nil without a projection.
  var imageEmbedding: [Float]?
  /// Of the integer logits, or of the final tokens without a head; nil from a float model.
  var checksum: UInt32?
  var seconds: Double
  /// Values of the input beyond what pixels of the int8 model can have, which became the nearest pixels.
  var clippedInputs = 0
}

/// Runs a model on one image at a time.
struct InferenceWorker {
  enum Engine {
    case float(FloatReference, FloatWorkspace)
    case integer(InferenceSession, IntegerModel)
  }

  let engine: Engine
  let preprocessing: Preprocessing?
  /// Whether memory is given back as soon as it can be.
  var holdsLittle = false

  func run(_ sample: Sample, keepingHiddenStates: Bool) throws(CommandError) -> Inference {
    switch engine {
    case .float(let reference, let workspace):
      let values = sample.values(preprocessing: preprocessing, channels: reference.configuration.channels)
      let start = Clock.seconds
      let output: FloatOutput
      do { output = try reference.run(values, workspace: workspace, keepsHiddenStates: keepingHiddenStates) } catch {
        throw .input("\(error)")
      }
      let seconds = Clock.seconds - start
      if let what = output.firstNotFinite {
        throw .input(
          "NaN or infinity in \(what), which the float model gives, expected finite values: its weights or the input "
            + "are too large")
      }
      return Inference(
        outputs: ModelOutputs(
          logits: output.logits, hiddenStates: output.hiddenStates, finalTokens: output.lastHiddenState),
        poolerOutput: output.logits == nil && output.imageEmbedding == nil ? output.poolerOutput : nil,
        imageEmbedding: output.imageEmbedding, checksum: nil, seconds: seconds)
    case .integer(let session, let model):
      let pixels = model.input(of: sample)
      // What decoded the image is not needed while it runs.
      if holdsLittle { ResidentMemory.releaseCode() }
      let start = Clock.seconds
      let output: IntegerOutput
      do { output = try session.run(pixels, keepingHiddenStates: keepingHiddenStates) } catch {
        // With the name of the file, where one became shorter.
        throw .input(MappedFileGuard.shortenedFile?.description ?? "\(error)")
      }
      let seconds = Clock.seconds - start
      // Nor is what ran it, while the result is written.
      if holdsLittle { ResidentMemory.releaseCode() }
      return Inference(
        outputs: ModelOutputs(
          logits: output.dequantizedLogits, hiddenStates: output.hiddenStates,
          finalTokens: output.lastHiddenState),
        poolerOutput: output.poolerOutput, imageEmbedding: output.imageEmbedding, checksum: output.crc32,
        seconds: seconds, clippedInputs: model.clippedValues(of: sample))
    }
  }
}
