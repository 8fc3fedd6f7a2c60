import Int8Kernels
import ViTLite

/// Int8 models ready to run that differ in which layers are wide. The two models that all candidates are made of are
/// encoded once; a candidate takes its layers from them in place.
struct CandidateModels {
  private let narrow: QuantizedModel
  private let wide: QuantizedModel
  private let narrowModel: IntegerModel
  private let wideModel: IntegerModel

  /// - Parameters:
  ///   - narrow: all layers at 8 bits.
  ///   - wide: the same model in the same units, all layers wide.
  init(narrow: QuantizedModel, wide: QuantizedModel) throws(CalibrationError) {
    self.narrow = narrow
    self.wide = wide
    do throws(IntegerModelError) {
      narrowModel = try IntegerModel(narrow.bytes)
      wideModel = try IntegerModel(wide.bytes)
    } catch { throw .candidate("\(error)") }
  }

  func model(wide names: [LayerName]) -> IntegerModel {
    let names = Set(names)
    var scales: [LayerName: OutputScales] = [:]
    var attentions: [Int: Int32] = [:]
    for index in narrow.blocks.indices {
      let block = block(index, wide: names)
      if block.hasWideAttention {
        attentions[index] = block.fileValueShift
        scales[.block(index, .attnQKV)] = block.fileLayer(.attnQKV).scales
      }
      // A projection's bias cancels rounding errors of the values, which depend on the widths of `attn_qkv` and of
      // attention. So neither of the two models may have it.
      if block.hasWideAttention || block.layers.attnQKV.isWide != block.layers.attnOut.isWide {
        scales[.block(index, .attnOut)] = block.fileLayer(.attnOut).scales
      }
    }
    return narrowModel.replacing(names, from: wideModel, scales: scales, attentions: attentions)
  }

  /// A block as calibration would write it.
  private func block(_ index: Int, wide names: Set<LayerName>) -> QuantizedBlock {
    var block = narrow.blocks[index]
    for layer in [BlockLayer.attnQKV, .attnOut] where names.contains(.block(index, layer)) {
      block.layers[layer] = wide.blocks[index].layers[layer]
    }
    block.hasWideAttention = names.contains(.attention(index))
    return block
  }
}

extension QuantizedLinear {
  fileprivate var scales: OutputScales { OutputScales(multiplier: multiplier, bias: bias, shift: shift) }
}
