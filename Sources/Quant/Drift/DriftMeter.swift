import Int8Kernels
import ViTLite

/// Measures an int8 model against its float model, image by image.
package final class DriftMeter: Sendable {
  /// A float model packed for its pass, and what calibration made of its inner values.
  private let reference: FloatReference
  private let preprocessing: Preprocessing?
  private let model: IntegerModel
  private let instructionSet: InstructionSet
  private let basis: ModelBasis
  private let layout: DriftPoints
  /// In the order of the forward pass.
  package var points: [DriftPoint] { layout.all }

  /// - Precondition: the models have the same dimensions.
  package convenience init(
    _ checkpoint: Checkpoint, _ model: IntegerModel, instructionSet: InstructionSet, threads: Int
  ) {
    let float = checkpoint.model.rotated(by: model.hadamard)
    self.init(
      FloatReference(float), checkpoint.preprocessing, model, instructionSet,
      ModelBasis(float, model, threads: threads))
  }

  private init(
    _ reference: FloatReference, _ preprocessing: Preprocessing?, _ model: IntegerModel,
    _ instructionSet: InstructionSet, _ basis: ModelBasis
  ) {
    self.reference = reference
    self.preprocessing = preprocessing
    self.model = model
    self.instructionSet = instructionSet
    self.basis = basis
    layout = DriftPoints(model)
  }

  /// What one thread needs.
  package struct Worker {
    let workspace: FloatWorkspace
    let session: InferenceSession
  }

  package func makeWorker() throws(InferenceError) -> Worker {
    Worker(
      workspace: FloatWorkspace(reference.configuration),
      session: try InferenceSession(model: model, instructionSet: instructionSet))
  }

  /// Both models on one image.
  /// - Precondition: the sample has the models' size.
  package func measure(_ sample: Sample, label: Int?, with worker: Worker) throws(InferenceError) -> ImageDrift {
    let configuration = reference.configuration
    let values = sample.values(preprocessing: preprocessing, channels: configuration.channels)
    let trace = FloatTrace(reference, values: values, workspace: worker.workspace)
    if let what = trace.output.firstNotFinite { throw .notFinite(what: what) }
    let probe = LayerProbe(model, layout, basis, trace)
    let output = try worker.session.run(model.input(of: sample), probe: probe)
    probe.finished(output)
    var drift = ImageDrift(
      layers: probe.measurements,
      reference: ModelOutputs(
        logits: trace.output.logits, hiddenStates: [], finalTokens: trace.output.lastHiddenState),
      quantized: ModelOutputs(
        logits: output.dequantizedLogits, hiddenStates: [], finalTokens: output.lastHiddenState),
      label: label)
    (drift.inputs, drift.clippedInputs) = (sample.count, model.clippedValues(of: sample))
    drift.digest = SampleDigest.of(sample)
    drift.values.add(values, width: configuration.imageWidth)
    if trace.output.logits == nil { drift.embeddings = embeddings(trace, output, probe.headInput) }
    return drift
  }

  private func embeddings(
    _ trace: FloatTrace, _ output: IntegerOutput, _ headInput: [Float]
  ) -> (reference: Embeddings, quantized: Embeddings) {
    let configuration = reference.configuration
    let isMade = model.outputLayerName != nil
    let pooled = isMade ? output.imageEmbedding ?? output.poolerOutput ?? [] : headInput
    var tokens: (exact: [Float]?, got: [Float]?)
    if configuration.prefixTokens > 0, !configuration.readout.normFollowsPooling, let states = output.lastHiddenState {
      tokens = (
        Array(trace.output.lastHiddenState.prefix(configuration.width)), Array(states.prefix(configuration.width))
      )
    }
    return (
      Embeddings(classToken: tokens.exact, pooled: trace.output.imageEmbedding ?? trace.output.poolerOutput),
      Embeddings(classToken: tokens.got, pooled: pooled)
    )
  }

  /// Every layer of the int8 model by itself, on one image: one int8 pass, and for each layer the rest of a float pass.
  /// - Parameter measuresOutput: false to leave those rests out.
  package func measureAlone(
    _ sample: Sample, measuresOutput: Bool, with worker: Worker
  ) throws(InferenceError) -> AloneImage {
    let values = sample.values(preprocessing: preprocessing, channels: reference.configuration.channels)
    let trace = FloatTrace(reference, values: values, workspace: worker.workspace)
    if let what = trace.output.firstNotFinite { throw .notFinite(what: what) }
    let probe = AloneProbe(
      model, layout, basis, trace, measuresOutput ? reference : nil, workspace: worker.workspace)
    let output = try worker.session.run(model.input(of: sample), probe: probe)
    probe.finished(output)
    return AloneImage(layers: probe.layers, shifts: probe.shifts)
  }

  /// What one image shows of each layer by itself.
  package struct AloneImage: Sendable {
    let layers: [AloneMeasurement]
    let shifts: [[Double]]
  }

  /// The layers by themselves over some images, and a meter that has learned from them what centering did.
  package func learned(from images: [AloneImage]) -> (meter: DriftMeter, alone: AloneSummary) {
    var summary = AloneSummary(points: points.count)
    var shifts: [[Double]] = []
    for image in images {
      summary.add(image.layers)
      if shifts.isEmpty {
        shifts = image.shifts
      } else {
        for block in shifts.indices {
          for channel in shifts[block].indices { shifts[block][channel] += image.shifts[block][channel] }
        }
      }
    }
    summary.finish(basis, points)
    var basis = basis
    basis.learn(shifts, count: images.count)
    return (DriftMeter(reference, preprocessing, model, instructionSet, basis), summary)
  }
}
