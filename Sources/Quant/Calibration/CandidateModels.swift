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
    narrowModel.replacing(names, from: wideModel, biases: projectionBiases(wide: Set(names)))
  }

  /// The biases of those projections (`attn_out`) that neither of the two models has. A projection's bias cancels
  /// rounding errors of the values (`attn_qkv`), which depend on the width of that layer; so it is computed here where
  /// only one of the two layers is wide.
  private func projectionBiases(wide names: Set<LayerName>) -> [LayerName: [Int32]] {
    var biases: [LayerName: [Int32]] = [:]
    for index in narrow.blocks.indices {
      let isWide = names.contains(.block(index, .attnOut))
      guard names.contains(.block(index, .attnQKV)) != isWide else { continue }
      var block = (isWide ? wide : narrow).blocks[index]
      block.layers.attnQKV = (isWide ? narrow : wide).blocks[index].layers.attnQKV
      biases[.block(index, .attnOut)] = block.compensatedProjection.bias
    }
    return biases
  }
}
