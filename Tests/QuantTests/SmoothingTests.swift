import Foundation
import Testing

@testable import Quant

@Suite("Smoothing")
struct SmoothingTests {
  static let alphas: [Float] = [0, 0.2, 0.5, 0.8, 1]

  static func magnitudes(seed: UInt64) -> (activation: [Float], weight: [Float]) {
    var random = RandomValues(seed: seed)
    return (random.uniform(48, in: 0.01...30), random.uniform(48, in: 0.001...2))
  }

  @Test("Factors are max|x|^alpha / max|w|^(1 - alpha) up to one constant", arguments: alphas)
  func definition(alpha: Float) {
    let (activation, weight) = Self.magnitudes(seed: 1)
    let factors = Smoothing.factors(activation: activation, weight: weight, alpha: alpha)
    let constants = factors.indices.map {
      Double(factors[$0]) / pow(Double(activation[$0]), Double(alpha)) * pow(Double(weight[$0]), Double(1 - alpha))
    }
    for constant in constants { #expect(abs(constant / constants[0] - 1) < 1e-5) }
    let logarithms = factors.map { log(Double($0)) }
    #expect(abs(logarithms.reduce(0, +)) < 1e-4, "the geometric mean is 1")
  }

  @Test("A channel made an outlier by its producer, with weights that undo it, is smoothed away", arguments: alphas)
  func invariance(alpha: Float) {
    let (activation, weight) = Self.magnitudes(seed: 2)
    var (scaledActivation, scaledWeight) = (activation, weight)
    for channel in stride(from: 3, to: activation.count, by: 11) {
      scaledActivation[channel] *= 20
      scaledWeight[channel] /= 20
    }
    let factors = Smoothing.factors(activation: activation, weight: weight, alpha: alpha)
    let scaledFactors = Smoothing.factors(activation: scaledActivation, weight: scaledWeight, alpha: alpha)
    // What the quantizers see, activation / factor and weight * factor, is the same but for one constant.
    let constant = Double(scaledFactors[0]) / Double(factors[0])
    for channel in activation.indices {
      let seen = Double(scaledActivation[channel]) / Double(scaledFactors[channel]) * constant
      #expect(abs(seen / (Double(activation[channel]) / Double(factors[channel])) - 1) < 1e-5)
      let weighed = Double(scaledWeight[channel]) * Double(scaledFactors[channel]) / constant
      #expect(abs(weighed / (Double(weight[channel]) * Double(factors[channel])) - 1) < 1e-5)
    }
  }

  @Test("Behind an activation, channels above the median are divided, by the limit at most")
  func limited() {
    let factors = Smoothing.factors(activation: [0.5, 1, 2, 3, 40, 0, 1], limit: 2.5)
    let expected: [Float] = [1, 1, 2, 2.5, 2.5, 1, 1]
    for (factor, expected) in zip(factors, expected) {
      #expect(abs(factor / expected - 1) < 1e-4)
      let multiplier = 0x1p15 / factor
      #expect(multiplier == multiplier.rounded() && multiplier < 0x1p15)
    }
    #expect(Smoothing.factors(activation: [0, 0, 7], limit: 2).allSatisfy { abs($0 - 1) < 1e-4 })
    #expect(Smoothing.factors(activation: [], limit: 2).isEmpty)
  }

  @Test("A channel without activations or weights keeps its scale, and does not move the others")
  func unusedChannels() {
    let factors = Smoothing.factors(activation: [4, 0, 9, 1], weight: [1, 1, 1, 0], alpha: 0.5)
    #expect(factors[1] == 1)
    #expect(factors[3] == 1)
    let alone = Smoothing.factors(activation: [4, 9], weight: [1, 1], alpha: 0.5)
    #expect([factors[0], factors[2]] == alone)
    #expect(Smoothing.factors(activation: [0, 0], weight: [1, 1], alpha: 0.5) == [1, 1])
    #expect(Smoothing.factors(activation: [], weight: [], alpha: 0.5).isEmpty)
  }
}
