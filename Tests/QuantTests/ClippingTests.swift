import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Where ranges end: of weights, of activations, and of the values' biases.
@Suite("Clipping")
struct ClippingTests {
  private static func values(_ count: Int, seed: UInt64, in range: ClosedRange<Float> = -1...1) -> [Float] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in Float.random(in: range, using: &generator) }
  }

  private static func layer(outputs: Int, inputs: Int, seed: UInt64) -> FloatLinear {
    FloatLinear(
      weight: values(outputs * inputs, seed: seed), bias: values(outputs, seed: seed + 1), outputs: outputs,
      inputs: inputs)
  }

  /// Inputs of several blocks, none of them whole at the end.
  @Test("Rounding reports the error that its levels have on the rows")
  func roundingLoss() throws {
    let inputs = 150
    let layer = Self.layer(outputs: 3, inputs: inputs, seed: 1)
    let rows = Self.values(900 * inputs, seed: 2)
    let steps: [Float] = [1.0 / 20, 1.0 / 60, 1.0 / 127]
    let rounded = try #require(WeightRounding(rows: rows, inputs: inputs)).round(
      layer, candidates: [steps], limit: 127)
    for output in 0..<3 {
      let differences = (0..<inputs).map { input in
        layer.weight[output * inputs + input] - Float(rounded.levels[output * inputs + input]) * steps[output]
      }
      let error = stride(from: 0, to: rows.count, by: inputs).reduce(Float(0)) { sum, start in
        let difference = (0..<inputs).reduce(Float(0)) { $0 + rows[start + $1] * differences[$1] }
        return sum + difference * difference
      }
      // Damping counts for a hundredth of what the rows do.
      #expect(abs(rounded.losses[output] - error) < 0.05 * error, "output \(output)")
    }
  }

  @Test("A large weight whose input is next to nothing is clipped")
  func weight() throws {
    let inputs = 128
    var layer = Self.layer(outputs: 2, inputs: inputs, seed: 3)
    for index in layer.weight.indices { layer.weight[index] *= 0.1 }
    layer.weight[5] = 1
    layer.weight[inputs + 2] = 1
    var rows = Self.values(600 * inputs, seed: 4)
    for start in stride(from: 0, to: rows.count, by: inputs) { rows[start + 5] *= 1e-3 }
    let quantizer = LinearQuantizer(inputUnit: 1e-3, outputUnits: [1e-4, 1e-4])
    let plain = quantizer.quantize(layer).layer
    let clipped = quantizer.quantize(layer, seen: LayerInputs(rows, inputs: inputs, rounding: nil)).layer
    #expect(clipped.multiplier[0] < plain.multiplier[0])
    // The other output's large weight reads as much as all else does.
    #expect(clipped.multiplier[1] == plain.multiplier[1])
  }

  /// Statistics of a block that saw these rows, and the rows as what each layer reads.
  private static func half(_ gelu: [Float], _ others: [Float]) -> (seen: BlockStatistics, inputs: BlockLayers<[Float]>)
  {
    var seen = BlockStatistics(IntegerModelCase.configuration())
    let inputs = BlockLayers { layer in layer == .ffnDown ? gelu : others }
    for layer in BlockLayer.allCases {
      let rows = inputs[layer]
      seen.ranges[layer].observe(rows.span)
    }
    return (seen, inputs)
  }

  private static func factors(gelu first: [Float], _ second: [Float], block: FloatBlock) -> ClippingFactors {
    ClippingSearch(
      block: block, halves: [half(first, values(600, seed: 8)), half(second, values(600, seed: 9))]
    ).factors()
  }

  @Test("An outlier that no weight reads is clipped")
  func outlier() {
    var block = FloatModel.random(IntegerModelCase.configuration(), seed: 5).blocks[0]
    let (width, hidden) = (block.layers.ffnDown.outputs, block.layers.ffnDown.inputs)
    for output in 0..<width { block.layers.ffnDown.weight[output * hidden] = 0 }
    var rows = Self.values(50 * hidden, seed: 6)
    for start in stride(from: 0, to: rows.count, by: hidden) { rows[start] = 10 }
    let factors = Self.factors(gelu: rows, rows, block: block)
    #expect(factors.ffnDown.high < 0.8)
    #expect(factors.ffnDown.low >= 1)
  }

  @Test("A range leaves room for the tokens of other samples")
  func headroom() {
    let block = FloatModel.random(IntegerModelCase.configuration(), seed: 5).blocks[0]
    let hidden = block.layers.ffnDown.inputs
    let first = Self.values(50 * hidden, seed: 6)
    var second = Self.values(50 * hidden, seed: 7)
    for index in 0..<hidden { second[index] *= 1.3 }
    #expect(Self.factors(gelu: first, second, block: block).ffnDown.high > 1)
  }

  @Test("The projection adds back what rounding takes from the biases of the values")
  func valueBiases() {
    let configuration = IntegerModelCase.configuration()
    let block = FloatModel.random(configuration, seed: 11).blocks[0]
    let width = configuration.width
    var seen = BlockStatistics(configuration)
    let tokens = Self.values(3 * width * 20, seed: 12, in: -2...2)
    seen.qkv.observe(tokens.span)
    seen.inputs.attnQKV.observe(Self.values(width * 20, seed: 13).span)
    seen.inputs.ffnUp.observe(Self.values(width * 20, seed: 14).span)
    seen.mlpInput.observe(tokens.span)
    let quantizer = BlockQuantizer(
      configuration: configuration, options: CalibrationOptions(rounding: .nearest))
    var noRows: BlockLayers<[Float]>?
    let quantized = quantizer.quantize(block, seen, ClippingFactors(), &noRows, isWide: false)
      .quantized(residualFractionBits: 20, layerNormEpsilon: 1e-6)
    let residualUnit = LinearQuantizer.power(-20)
    for output in 0..<width {
      var expected = Double(block.layers.attnOut.bias[output])
      var found = Double(quantized.compensatedProjection.bias[output]) * residualUnit
      var lost = 0.0
      for channel in 0..<width {
        let unit = Double(seen.qkv.magnitude[2 * width + channel]) * BlockQuantizer.valueHeadroom / 127
        let weight = Double(block.layers.attnOut.weight[output * width + channel])
        expected += weight * Double(block.layers.attnQKV.bias[2 * width + channel])
        found += weight * Double(quantized.layers.attnQKV.bias[2 * width + channel]) * unit
        lost += abs(weight) * unit / 2
      }
      #expect(abs(found - expected) < 2 * residualUnit, "output \(output)")
      #expect(lost > 100 * residualUnit, "what could be lost must be far more than what is allowed")
    }
  }
}
