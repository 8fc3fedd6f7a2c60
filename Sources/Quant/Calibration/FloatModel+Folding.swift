import Int8Kernels
import ViTLite

extension FloatModel {
  private static let binary = Float(1.4426950408889634)

  /// A block of the same function with constant factors multiplied into weights, so that they cost nothing at run time:
  /// LayerScale into the layers before it, the attention scale into the queries so that scores are in base 2, and the
  /// factor on the softmax into the values.
  func foldedBlock(_ index: Int, rotatedBy rotation: HadamardRotation?) -> FloatBlock {
    var block = blocks[index]
    let width = configuration.width
    block.scaleQueries { _ in scoreScale * Self.binary }
    block.layers.attnQKV.scaleOutputs(2 * width..<3 * width) { _ in probabilityScale }
    block.foldLayerScales()
    if let rotation, index < configuration.depth {
      block.foldNorms()
      block.rotate(rotation)
    }
    return block
  }

  /// The model around folded blocks, and none of them.
  func foldedFrame(rotatedBy rotation: HadamardRotation?) -> FloatModel {
    var frame = self
    frame.blocks = []
    frame.scoreScale = 1 / Self.binary
    frame.probabilityScale = 1
    frame.hadamard = rotation
    return frame
  }
}

extension FloatModel {
  /// The same function of a rotated residual stream; the model itself where there is no rotation.
  func rotated(by rotation: HadamardRotation?) -> FloatModel {
    guard let rotation else { return self }
    var model = self
    model.hadamard = rotation
    for index in 0..<configuration.depth {
      model.blocks[index].foldLayerScales()
      model.blocks[index].foldNorms()
      model.blocks[index].rotate(rotation)
    }
    return model
  }
}

extension FloatBlock {
  /// Multiplies LayerScale into the layers before it.
  mutating func foldLayerScales() {
    let width = layers.attnOut.outputs
    if let scale = layerScale1 { layers.attnOut.scaleOutputs(0..<width) { scale[$0] } }
    if let scale = layerScale2 { layers.ffnDown.scaleOutputs(0..<width) { scale[$0] } }
    layerScale1 = nil
    layerScale2 = nil
  }

  /// Takes gain and bias of the norms of the residual stream into the layers that read them.
  mutating func foldNorms() {
    layers.attnQKV.take(&ln1)
    layers.ffnUp.take(&ln2)
  }

  /// Multiplies what the queries are when they meet the keys; where they go through a norm, its output.
  mutating func scaleQueries(by factor: (Int) -> Float) {
    if queryNorm == nil {
      layers.attnQKV.scaleOutputs(0..<layers.attnOut.inputs, by: factor)
    } else {
      queryNorm?.scale(by: factor)
    }
  }

  /// The same for keys.
  mutating func scaleKeys(by factor: (Int) -> Float) {
    let width = layers.attnOut.inputs
    if keyNorm == nil {
      layers.attnQKV.scaleOutputs(width..<2 * width, by: factor)
    } else {
      keyNorm?.scale(by: factor)
    }
  }
}

extension FloatNorm {
  /// The norm's output multiplied by a factor for each channel.
  mutating func scale(by factor: (Int) -> Float) {
    for channel in gain.indices {
      gain[channel] *= factor(channel)
      bias[channel] *= factor(channel)
    }
  }

  /// The norm's output divided by a factor for each channel.
  mutating func divide(by factors: [Float]) {
    for channel in gain.indices {
      gain[channel] /= factors[channel]
      bias[channel] /= factors[channel]
    }
  }
}

extension FloatLinear {
  /// - Parameter norm: what the layer reads; it loses its gain and its bias.
  fileprivate mutating func take(_ norm: inout FloatNorm) {
    for output in 0..<outputs {
      var sum: Float = 0
      for input in 0..<inputs {
        sum += weight[output * inputs + input] * norm.bias[input]
        weight[output * inputs + input] *= norm.gain[input]
      }
      bias[output] += sum
    }
    norm = FloatNorm(gain: Array(repeating: 1, count: inputs), bias: Array(repeating: 0, count: inputs))
  }

  /// Multiplies outputs, given as offsets into the range, by a factor.
  mutating func scaleOutputs(_ range: Range<Int>, by factor: (Int) -> Float) {
    for output in range {
      let scale = factor(output - range.lowerBound)
      for input in 0..<inputs { weight[output * inputs + input] *= scale }
      bias[output] *= scale
    }
  }

  /// Multiplies the weights of some outputs, not their biases, by a factor.
  mutating func scaleOutputs(_ range: Range<Int>, weightsBy scale: Float) {
    for index in range.lowerBound * inputs..<range.upperBound * inputs { weight[index] *= scale }
  }

  /// Multiplies the weights that read each input by a factor.
  mutating func scaleInputs(by factors: [Float]) {
    let (inputs, outputs) = (inputs, outputs)
    precondition(factors.count == inputs, "a factor for each input")
    unsafe weight.withUnsafeMutableBufferPointer { weight in
      unsafe factors.withUnsafeBufferPointer { factors in
        guard let weight = weight.baseAddress, let factors = factors.baseAddress else { return }
        unsafe FloatRows.fastest.multiply(weight, factors, outputs, inputs, weight)
      }
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
