import Int8Kernels
import ViTLite

extension FloatModel {
  /// The same function with constant factors multiplied into weights, so that they cost nothing at run time: LayerScale
  /// into the layers before it, the attention scale into the queries so that scores are in base 2, and the factor on
  /// the softmax into the values.
  func folded() -> FloatModel {
    var model = self
    let width = configuration.width
    let binary = Float(1.4426950408889634)
    for index in model.blocks.indices {
      model.blocks[index].layers.attnQKV.scaleOutputs(0..<width) { _ in scoreScale * binary }
      model.blocks[index].layers.attnQKV.scaleOutputs(2 * width..<3 * width) { _ in probabilityScale }
      if let scale = blocks[index].layerScale1 {
        model.blocks[index].layers.attnOut.scaleOutputs(0..<width) { scale[$0] }
      }
      if let scale = blocks[index].layerScale2 {
        model.blocks[index].layers.ffnDown.scaleOutputs(0..<width) { scale[$0] }
      }
      model.blocks[index].layerScale1 = nil
      model.blocks[index].layerScale2 = nil
    }
    model.scoreScale = 1 / binary
    model.probabilityScale = 1
    return model
  }
}

extension FloatNorm {
  /// The norm's output divided by a factor for each channel.
  mutating func divide(by factors: [Float]) {
    for channel in gain.indices {
      gain[channel] /= factors[channel]
      bias[channel] /= factors[channel]
    }
  }
}

extension FloatLinear {
  /// Multiplies outputs, given as offsets into the range, by a factor.
  mutating func scaleOutputs(_ range: Range<Int>, by factor: (Int) -> Float) {
    for output in range {
      let scale = factor(output - range.lowerBound)
      for input in 0..<inputs { weight[output * inputs + input] *= scale }
      bias[output] *= scale
    }
  }

  /// Multiplies the weights that read each input by a factor.
  mutating func scaleInputs(by factors: [Float]) {
    for output in 0..<outputs {
      for input in 0..<inputs { weight[output * inputs + input] *= factors[input] }
    }
  }

  /// Largest weight that reads each input, over some of the outputs.
  func inputMagnitudes(_ range: Range<Int>) -> [Float] {
    var magnitudes = [Float](repeating: 0, count: inputs)
    for output in range {
      for input in 0..<inputs {
        magnitudes[input] = max(magnitudes[input], weight[output * inputs + input].magnitude)
      }
    }
    return magnitudes
  }
}
