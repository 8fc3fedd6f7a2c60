import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Layers at int16: chosen by name, by rank or by a target.
@Suite("Wide layers")
struct WideLayerTests {
  private static func calibration(
    _ example: IntegerModelCase, _ change: (inout CalibrationOptions) -> Void
  ) throws(CalibrationError) -> Calibration {
    var options = CalibrationOptions()
    change(&options)
    return try calibrate(example.model, preprocessing: nil, samples: example.samples, options: options)
  }

  @Test("A wide layer before a narrow projection has a compensation of its own")
  func compensation() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let narrow = try Self.calibration(example) { _ in }.model
    let mixed = try Self.calibration(example) { $0.wideLayers = [.block(0, .attnQKV)] }.model
    let (before, after) = (narrow.blocks[0], mixed.blocks[0])
    #expect(after.layers.attnOut == before.layers.attnOut)
    #expect(after.layers.attnQKV.projectionBias != before.layers.attnQKV.projectionBias)
    let added = zip(after.compensatedProjection.bias, after.layers.attnOut.bias).map { $0 - $1 }
    #expect(Array(added.prefix(after.layers.attnOut.outputs)) == after.layers.attnQKV.projectionBias)
  }

  @Test("A model whose layers are all wide has less drift", arguments: ["timm-vit", "hf-dinov2-registers"])
  func allWide(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    let names = try example.quantized().widthNames
    let wide = try Self.calibration(example) { $0.wideLayers = names }
    #expect(wide.wideLayers == names)
    let probe = DriftProbe(example.model, preprocessing: nil, samples: example.samples, threads: 1)
    #expect(try probe.sqnr(of: wide.model) > probe.sqnr(of: example.quantized()) + 1)
  }

  @Test("The ranking names every layer once, the worst first")
  func ranking() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let ranked = try Self.calibration(example) { $0.ranksLayers = true }
    #expect(Set(ranked.sensitivities.map(\.layer)) == Set(ranked.model.widthNames))
    #expect(ranked.sensitivities.count == ranked.model.widthNames.count)
    for (worse, better) in zip(ranked.sensitivities, ranked.sensitivities.dropFirst()) {
      #expect(worse.sqnr <= better.sqnr)
    }
    #expect(ranked.wideLayers == [.output])
  }

  @Test(
    "Without a head, some layers that write to the residual stream are at int16",
    arguments: [("hf-dinov2", true), ("timm-vit-avgpool", false), ("timm-vit", false)],
    [ActivationMode.dynamic, .static])
  func layersWithoutHead(_ example: (name: String, hasWide: Bool), activations: ActivationMode) throws {
    let quantized = try Self.calibration(.golden(example.name)) { $0.activations = activations }.model
    let model = try IntegerModel(quantized.bytes)
    let last = model.configuration.depth - 1
    let expected: [LayerName] =
      switch activations {
      case .dynamic: [.block(0, .attnOut), .block(0, .ffnDown), .block(last, .attnOut)]
      case .static: [.block(0, .attnOut), .block(last, .attnOut), .block(last, .ffnDown)]
      }
    let wide = model.wideLayerNames.filter { $0 != .output && $0 != .pooler }
    #expect(wide == (example.hasWide ? expected : []))
  }

  @Test("A damaged layer ranks first")
  func damagedLayer() throws {
    var example = try IntegerModelCase.golden("timm-vit")
    // One large weight in each row leaves the others few of the 127 steps.
    for output in 0..<example.model.blocks[1].layers.ffnDown.outputs {
      example.model.blocks[1].layers.ffnDown.weight[output * example.model.blocks[1].layers.ffnDown.inputs] = 5
    }
    let ranked = try Self.calibration(example) { $0.ranksLayers = true }
    #expect(ranked.sensitivities.first?.layer == .block(1, .ffnDown))
  }

  @Test("The target is reached on mirrored images, and not without the last layer that was widened")
  func target() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let probe = DriftProbe(
      example.model, preprocessing: nil, samples: example.samples, areMirrored: true, threads: 1)
    let plain = try probe.sqnr(of: Self.calibration(example) { _ in }.model)
    let names = try example.quantized().widthNames
    let best = try probe.sqnr(of: Self.calibration(example) { $0.wideLayers = names }.model)
    let target = (plain + best) / 2
    let reached = try Self.calibration(example) { $0.targetSQNR = target }
    #expect(try probe.sqnr(of: reached.model) >= target)
    #expect(reached.wideLayers.count > 1 && reached.wideLayers.count < names.count)
    let fewer = try Self.calibration(example) { $0.wideLayers = reached.wideLayers.dropLast() }
    #expect(try probe.sqnr(of: fewer.model) < target)
  }

  @Test("Of layers with the same noise the one that adds the fewest products is widened first")
  func gainForTime() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let narrow = try Self.calibration(example) { _ in }.model
    let choice = WidthChoice(narrow: narrow, wide: narrow, options: CalibrationOptions())
    let order = choice.byGainForTime(narrow.widthNames.map { LayerSensitivity(layer: $0, sqnr: 40) })
    let costs = order.map { choice.addedProducts($0) }
    #expect(costs == costs.sorted())
    #expect(Set(order) == Set(narrow.widthNames))
    let noisy = narrow.widthNames.map { LayerSensitivity(layer: $0, sqnr: $0 == .block(1, .ffnDown) ? 0 : 40) }
    #expect(choice.byGainForTime(noisy).first == .block(1, .ffnDown))
    // A multiplication and an addition are two operations of the plan.
    for name in narrow.widthNames {
      guard case .block(let block, let layer) = name else { continue }
      var outline = narrow.outline
      (outline.wideLayers, outline.lastBlock.layers) = (BlockLayers { _ in 0 }, BlockLayers { _ in false })
      let before = ForwardPlan(outline, kind: .fast, workers: 1).linearOperations
      outline.wideLayers[layer] += 1
      if block + 1 == narrow.configuration.depth { outline.lastBlock.layers[layer] = true }
      let after = ForwardPlan(outline, kind: .fast, workers: 1).linearOperations
      #expect(Double(after - before) == 2 * choice.addedProducts(name))
    }
  }

  @Test("A model under the floor gets wide layers until it is above, one that is above stays as it is")
  func floor() throws {
    let siglip = try IntegerModelCase.golden("hf-siglip-vision")
    let raised = try Self.calibration(siglip) { $0.floorSQNR = 25 }
    let floor = try #require(raised.floor)
    #expect(floor.before < 25 && floor.after >= 25.5)
    #expect(raised.sensitivities.isEmpty)
    let file = try IntegerModel(raised.model.bytes)
    try file.verify()
    #expect(CalibrationRecord(file)?.floor == 25)
    #expect(Set(file.wideLayerNames) == Set(raised.wideLayers))

    let example = try IntegerModelCase.golden("timm-vit")
    let plain = try Self.calibration(example) { _ in }
    let same = try Self.calibration(example) { $0.floorSQNR = 20 }
    #expect(same.floor == nil && same.model.bytes == plain.model.bytes)
  }

  @Test("The final tokens count for the floor where the logits of a model with a head are above it")
  func floorOfTokens() throws {
    let example = try IntegerModelCase.golden("seed-vit")
    let plain = try Self.calibration(example) { _ in }
    let logits = DriftProbe(example.model, preprocessing: nil, samples: example.samples, threads: 1)
    #expect(try logits.sqnr(of: IntegerModel(plain.model.bytes)) > 42)
    let raised = try Self.calibration(example) { $0.floorSQNR = 40 }
    let floor = try #require(raised.floor)
    #expect(floor.before < 40 && floor.after > 40)
  }

  @Test("A floor beyond reach is approached as far as that helps")
  func unreachableFloor() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let raised = try Self.calibration(example) { $0.floorSQNR = 150 }
    let floor = try #require(raised.floor)
    #expect(floor.after > floor.before + 1 && floor.after < 150)
  }

  @Test("A candidate of the search is the model that calibration writes for the same layers")
  func candidates() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let narrow = try Self.calibration(example) { _ in }.model
    let names = narrow.widthNames
    let wide = try Self.calibration(example) { $0.wideLayers = narrow.layerNames }.model
    let candidates = try CandidateModels(narrow: narrow, wide: wide)
    let choices: [[LayerName]] = [
      [], [.block(0, .attnQKV)], [.block(1, .attnOut), .patchEmbedding], [.attention(1)],
      [.attention(0), .block(0, .attnQKV), .block(1, .attnOut)], names,
    ]
    for kept in choices {
      let written = try IntegerModel(Self.calibration(example) { $0.wideLayers = kept }.model.bytes)
      let always = names.filter { WidthChoice.isAlwaysWide($0, in: narrow.configuration, .dynamic) }
      let candidate = candidates.model(wide: kept + always)
      for pixels in example.pixels(written) {
        let expected = try InferenceSession(model: written).run(pixels)
        #expect(try InferenceSession(model: candidate).run(pixels).crc32 == expected.crc32, "\(kept)")
      }
    }
  }

  @Test("An unknown layer and a target beyond reach are refused")
  func refusals() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    #expect {
      try Self.calibration(example) { $0.wideLayers = [.block(9, .ffnUp)] }
    } throws: { error in
      guard case CalibrationError.unknownLayer(let name, let layers)? = error as? CalibrationError else { return false }
      return name == "blk.9.ffn_up" && layers.contains("blk.1.ffn_up")
    }
    #expect {
      try Self.calibration(example) { $0.targetSQNR = 150 }
    } throws: { error in
      guard case CalibrationError.unreachable(let target, let best)? = error as? CalibrationError else { return false }
      return target == 150 && best < 150
    }
  }

  @Test("Wide attention has less drift, all other layers wide", arguments: ["timm-vit", "hf-dinov2-registers"])
  func wideAttention(_ name: String) throws {
    let example = try IntegerModelCase.golden(name)
    let names = try example.quantized().widthNames
    let probe = DriftProbe(example.model, preprocessing: nil, samples: example.samples, threads: 1)
    let all = try probe.sqnr(of: Self.calibration(example) { $0.wideLayers = names }.model)
    let narrow = try probe.sqnr(
      of: Self.calibration(example) { options in
        options.wideLayers = names.filter { if case .attention = $0 { false } else { true } }
      }.model)
    #expect(all > narrow)
  }

  @Test("Values keep their meaning when attention is wide")
  func valueUnits() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let narrow = try Self.calibration(example) { _ in }.model
    var wide = narrow
    wide.blocks[0].hasWideAttention = true
    let (before, after) = (narrow.blocks[0].fileLayer(.attnQKV), wide.blocks[0].fileLayer(.attnQKV))
    #expect(after.weights == before.weights)
    let bits = Int(wide.blocks[0].fileValueShift) - Int(narrow.blocks[0].fileValueShift) + 7
    #expect(bits == 6)
    for output in 0..<before.outputs {
      let factor = LinearQuantizer.power(Int(before.shift) - Int(after.shift))
      let ratio = Double(after.multiplier[output]) / Double(before.multiplier[output]) * factor
      let expected = output < 2 * before.outputs / 3 ? 1 : LinearQuantizer.power(bits)
      #expect(abs(ratio / expected - 1) < 0.01, "\(output)")
    }
    let model = try IntegerModel(wide.bytes)
    try model.verify()
    #expect(model.wideLayerNames == [.attention(0), .output])
  }

  @Test("Wide weights are rounded to the nearest level, on the finest scale with which no sum leaves int32")
  func levels() throws {
    for (inputs, spread) in [(37, Float(1)), (1, 1), (3000, 1), (3000, 0.001)] {
      let weights = (0..<inputs * 5).map { Float(($0 * 7919) % 2001 - 1000) / 1000 * ($0 % inputs == 0 ? 1 : spread) }
      let layer = FloatLinear(weight: weights, bias: [0, 1, 2, 3, 4], outputs: 5, inputs: inputs)
      let quantizer = LinearQuantizer(inputUnit: 1e-3, outputUnits: Array(repeating: 1e-4, count: 5))
      let wide = quantizer.quantizeWide(layer).layer
      #expect(wide.isWide && wide.accumulatorBound <= Int64(Int32.max))
      for output in 0..<5 {
        let step = Double(wide.multiplier[output]) * LinearQuantizer.power(-Int(wide.shift)) * 1e-4 / (1e-3 / 32)
        let levels = (0..<inputs).map { wide.level(output: output, input: $0) }
        for input in 0..<inputs {
          #expect(abs(levels[input]) <= 32767)
          #expect(abs(Double(levels[input]) * step - Double(weights[output * inputs + input])) <= 0.5001 * step)
        }
        let sum = levels.reduce(0) { $0 + Int64(abs($1)) }
        #expect(sum <= WideLayer.weightSumLimit)
        // One of both limits is nearly reached.
        let largest = levels.map { abs($0) }.max() ?? 0
        let isFine = largest > 32000 || Double(sum) > 0.95 * Double(WideLayer.weightSumLimit)
        #expect(
          isFine || weights[output * inputs..<(output + 1) * inputs].allSatisfy { $0 == 0 }, "\(inputs) \(output)")
      }
    }
  }
}

extension DriftProbe {
  fileprivate func sqnr(of candidate: QuantizedModel) throws -> Double { try sqnr(of: IntegerModel(candidate.bytes)) }
}
