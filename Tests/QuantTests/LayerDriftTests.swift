import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Drift layer by layer")
struct LayerByLayerTests {
  private struct Case {
    let checkpoint: Checkpoint
    let samples: SampleSet
    let meter: DriftMeter

    /// A small model of a family with its inputs, quantized.
    /// - Parameter change: what is done to the float model before it is calibrated.
    init(_ name: String, change: (inout FloatModel) -> Void = { _ in }) throws {
      samples = try SampleSet(path: "\(GoldenFiles.path(name))/io.safetensors")
      checkpoint = try Checkpoint.load(path: GoldenFiles.path(name), imageSize: (samples.height, samples.width))
      var changed = checkpoint.model
      change(&changed)
      let quantized = try calibrate(
        changed, preprocessing: checkpoint.preprocessing, samples: samples, options: CalibrationOptions()
      ).model
      meter = DriftMeter(
        checkpoint, try IntegerModel(quantized.bytes), instructionSet: .portable, threads: 1)
    }

    func alone() throws -> (meter: DriftMeter, alone: AloneSummary) {
      let worker = try meter.makeWorker()
      return meter.learned(
        from: try (0..<samples.count).map { index throws(InferenceError) in
          try meter.measureAlone(samples[index], measuresOutput: true, with: worker)
        })
    }
  }

  @Test(
    "A float pass that is resumed with its own values ends as it did",
    arguments: GoldenFiles.models + GoldenFiles.families)
  func resume(_ name: String) throws {
    let samples = try SampleSet(path: "\(GoldenFiles.path(name))/io.safetensors", limit: 1)
    let checkpoint = try Checkpoint.load(path: GoldenFiles.path(name), imageSize: (samples.height, samples.width))
    let reference = FloatReference(checkpoint.model)
    let workspace = FloatWorkspace(checkpoint.model.configuration)
    let values = samples.values(of: 0, preprocessing: checkpoint.preprocessing)
    let trace = FloatTrace(reference, values: values, workspace: workspace)
    let configuration = checkpoint.model.configuration
    var points: [(point: ResumePoint, values: [Float], residual: [Float])] = []
    if configuration.normBeforeBlocks { points.append((.embeddings, trace.embeddings, [])) }
    for index in trace.blocks.indices {
      let block = trace.blocks[index]
      points += [
        (.qkv(index), block.qkv, block.residual), (.transformed(index), block.transformed, block.residual),
        (.attention(index), block.attention, block.residual), (.middle(index), block.middle, []),
        (.hidden(index), block.hidden, block.middle), (.leaving(index, configuration), trace.leaving(index), []),
      ]
    }
    for (point, values, residual) in points {
      let output = reference.resume(at: point, with: values, residual: residual, workspace: workspace)
      #expect(output.logits == trace.output.logits, "\(point)")
      #expect(output.imageEmbedding == trace.output.imageEmbedding, "\(point)")
      #expect(output.poolerOutput == trace.output.poolerOutput, "\(point)")
      if !output.lastHiddenState.isEmpty {
        #expect(output.lastHiddenState == trace.output.lastHiddenState, "\(point)")
      }
    }
  }

  /// Were a channel's scale or shift not found again, or a unit wrong, the layer would be far off.
  @Test(
    "Each layer of a calibrated model is near the float model's, in every family",
    arguments: GoldenFiles.models + GoldenFiles.families)
  func everyFamily(_ name: String) throws {
    let test = try Case(name)
    // The attention of this one multiplies what reaches it.
    let least: Double = name == "hf-siglip-vision" ? 15 : 20
    let (meter, alone) = try test.alone()
    for (point, layer) in zip(meter.points, alone.layers) where point.kind != .stream && point.kind != .norm {
      let own = try #require(layer.ownDecibels, "\(point.name)")
      #expect(own > 25, "\(point.name)")
      if let error = layer.weightError { #expect(error < 0.04, "\(point.name)") }
      #expect(try #require(layer.outputDecibels, "\(point.name)") > least + 5, "\(point.name)")
    }
    #expect(abs(alone.layers.reduce(0) { $0 + ($1.noiseShare ?? 0) } - 1) < 1e-9)
    let drift = try meter.measure(test.samples[0], label: nil, with: meter.makeWorker())
    for (point, layer) in zip(meter.points, drift.layers) { #expect(layer.comparison.sqnr > least, "\(point.name)") }
  }

  @Test(
    "A layer whose weights are not the float model's is the one that stands out",
    arguments: [
      (BlockLayer.attnQKV, "blk.1.attn_qkv"), (.attnOut, "blk.1.attn_out"), (.ffnUp, "blk.1.ffn_up"),
      (.ffnDown, "blk.1.ffn_down"),
    ])
  func perturbed(_ layer: BlockLayer, _ expected: String) throws {
    let (meter, alone) = try Case("hf-vit") { model in
      var random = RandomValues(seed: 3)
      let weight = model.blocks[1].layers[layer].weight
      let scale = (weight.reduce(0) { $0 + $1 * $1 } / Float(weight.count)).squareRoot()
      let noise = random.normal(weight.count)
      model.blocks[1].layers[layer].weight = zip(weight, noise).map { $0 + 0.4 * scale * $1 }
    }.alone()
    let loudest = zip(meter.points, alone.layers).max { ($0.1.noiseShare ?? 0) < ($1.1.noiseShare ?? 0) }
    #expect(loudest?.0.name == expected)
    let error = try #require(loudest?.1.weightError)
    #expect(error > 0.2 && error < 0.6)
  }

  @Test("The measurement by itself does not change the int8 model's result")
  func observed() throws {
    let test = try Case("hf-vit")
    let worker = try test.meter.makeWorker()
    let pixels = worker.session.model.pixels(of: test.samples[0])
    let plain = try worker.session.run(pixels)
    let drift = try test.meter.measure(test.samples[0], label: nil, with: worker)
    #expect(try worker.session.run(pixels).crc32 == plain.crc32)
    #expect(drift.quantized?.index == Classification.best(of: plain.dequantizedLogits ?? []))
  }

  @Test("A model file says how it was calibrated, and on which images")
  func record() throws {
    let samples = try SampleSet(path: "\(GoldenFiles.path("hf-vit"))/io.safetensors")
    let checkpoint = try Checkpoint.load(
      path: GoldenFiles.path("hf-vit"), imageSize: (samples.height, samples.width))
    var options = CalibrationOptions(observer: .mse, activations: .static, smoothing: false, rounding: .nearest)
    options.seed = 7
    let quantized = try calibrate(
      checkpoint.model, preprocessing: checkpoint.preprocessing, samples: samples, options: options
    ).model
    let record = try #require(CalibrationRecord(try IntegerModel(quantized.bytes)))
    #expect(record == quantized.calibration)
    #expect(record.observer == .mse)
    #expect(record.smoothing == false)
    #expect(record.rounding == .nearest)
    #expect(record.seed == 7)
    #expect(record.digests == (0..<samples.count).map { SampleDigest.of(samples[$0]) })
  }
}
