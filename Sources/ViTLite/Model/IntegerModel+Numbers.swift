#if !hasFeature(Embedded)
  import Int8Kernels

  /// A linear layer of an int8 model as numbers.
  package struct LayerNumbers: Sendable {
    package let outputs: Int
    package let inputs: Int
    /// The levels, `outputs x inputs`: -127 to 127 or, where the layer is at int16, -32767 to 32767.
    package let levels: [Float]
    /// For each output, in its units: what one level contributes for each unit of the input. The unit of the patch
    /// embedding's input is a pixel's, of the others that of the int16 values which are quantized.
    package let scales: [Double]
    /// In units of the outputs.
    package let bias: [Float]
    package let isWide: Bool

    /// The weight of an output and an input: outputs' units per input's unit.
    package func weight(_ output: Int, _ input: Int) -> Double {
      Double(levels[output * inputs + input]) * scales[output]
    }
  }

  /// A norm of an int8 model as numbers: `gain * normalised + bias`, in units of its output.
  package struct NormNumbers: Sendable {
    package let gain: [Float]
    package let bias: [Float]
  }

  /// The norms of a block, by their names in the model file.
  package enum BlockNorm: String, CaseIterable, Sendable {
    case ln1
    case ln2
    /// Of each head's queries and keys: numbers for all heads.
    case query = "attn_q_norm"
    case key = "attn_k_norm"
    case attention = "attn_norm"
    case hidden = "ffn_norm"
  }

  extension IntegerModel {
    /// Outputs and inputs of a linear layer; nil where the model has none of that name.
    package func shape(of name: LayerName) -> (outputs: Int, inputs: Int)? {
      layer(name).map { ($0.outputs, $0.inputs) }
    }

    /// The numbers of a linear layer; nil where the model has none of that name.
    package func numbers(of name: LayerName) -> LayerNumbers? {
      guard let layer = layer(name) else { return nil }
      let panels = layer.panels(0..<layer.outputs)
      var levels: [Float] = []
      levels.reserveCapacity(layer.outputs * layer.inputs)
      for output in 0..<layer.outputs {
        for input in 0..<layer.inputs { levels.append(Float(panels.weight(output: output, input: input))) }
      }
      // A row's level stands for 2/255 of the row's multiplier; pixels are levels themselves. Levels of int16 are finer.
      let readsPixels = name == .patchEmbedding
      let finerBits = layer.isWide ? Int(readsPixels ? WideLayer.pixelBits : WideLayer.levelBits) : 0
      let unit = Double(
        sign: .plus, exponent: finerBits - Int(panels.shift), significand: readsPixels ? 1 : 127.5)
      return LayerNumbers(
        outputs: layer.outputs, inputs: layer.inputs, levels: levels,
        scales: (0..<layer.outputs).map { Double(panels.multiplier(output: $0)) * unit },
        bias: (0..<layer.outputs).map { Float(panels.bias(output: $0)) }, isWide: layer.isWide)
    }

    /// A norm of a block; nil where it has none of that name.
    package func numbers(of name: BlockNorm, block index: Int) -> NormNumbers? {
      let block = blocks[index]
      let norm =
        switch name {
        case .ln1: block.ln1
        case .ln2: block.ln2
        case .query: block.queryNorm
        case .key: block.keyNorm
        case .attention: block.attentionNorm
        case .hidden: block.hidden.norm
        }
      guard let norm else { return nil }
      // The root of the normalised row's length is in the gain.
      let length = name == .query || name == .key ? configuration.headWidth : norm.width
      let unit = Double(sign: .plus, exponent: -Int(norm.shift), significand: 1) / Double(length).squareRoot()
      return NormNumbers(
        gain: (0..<norm.width).map { Float(Double(norm.gain[$0]) * unit) },
        bias: (0..<norm.width).map { Float(norm.bias[$0]) })
    }

    /// The static range of what a layer reads, in its int16 units; nil where each row has its own.
    package func inputRange(of name: LayerName) -> ClosedRange<Float>? {
      switch name {
      case .patchEmbedding: nil
      case .block(let index, let layer): Self.range(blocks[index].quantizers[layer])
      case .attention: nil
      case .output, .pooler, .projection: Self.range(headInputQuantizer)
      }
    }

    /// The static ranges of each head's queries or keys; nil where each row has its own.
    package func queryRange(block: Int, head: Int) -> ClosedRange<Float>? {
      Self.range(blocks[block].queryQuantizers[head])
    }
    package func keyRange(block: Int, head: Int) -> ClosedRange<Float>? {
      Self.range(blocks[block].keyQuantizers[head])
    }

    private static func range(_ quantizer: ActivationQuantizer) -> ClosedRange<Float>? {
      guard case .fixed(let row) = quantizer, row.low <= row.high else { return nil }
      return Float(row.low)...Float(row.high)
    }

    /// The magnitudes that a block's values can have, in the units in which they are projected.
    package func valueRange(block index: Int) -> ClosedRange<Float> {
      let largest = Float(blocks[index].hasWideAttention ? WideValues.limit : 127)
      return -largest...largest
    }

    /// For each channel of attention's output: its units for a unit of the projected values.
    package func valueScales(block index: Int) -> [Double] {
      let (scales, isWide) = (blocks[index].valueScales, blocks[index].hasWideAttention)
      let exponent = -Int(scales.shift) - (isWide ? Int(WideValues.lowBits) : 0)
      let unit = Double(sign: .plus, exponent: exponent, significand: 1)
      return (0..<configuration.width).map { Double(scales.multiplier[$0]) * unit }
    }

    /// What one unit of the head's int16 input stands for, as a power of two.
    package var headInputExponent: Int {
      Int(headInputShift) - (configuration.readout.pooling == .attention ? residualFractionBits : finalFractionBits)
    }

    /// Fraction bits of the MLP's hidden layer; with a gate, of the gate.
    package func hiddenFractionBits(block index: Int) -> Int { Int(blocks[index].hidden.fractionBits) }

    /// What the activations of each channel are multiplied by before the layer that reads them; nil for nothing.
    package func hiddenFactors(block index: Int) -> [Float]? {
      blocks[index].hidden.factors.map { factors in
        (0..<configuration.mlpWidth).map { Float(factors[$0]) * 0x1p-15 }
      }
    }

    /// By how many bits the product of the gate's activation and the rest is shifted; 0 without a gate.
    package func gateShift(block index: Int) -> Int { Int(blocks[index].hidden.gateShift ?? 0) }
  }
#endif
