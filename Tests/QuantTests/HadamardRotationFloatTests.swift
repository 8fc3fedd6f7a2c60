import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

@Suite("Rotations of float models")
struct HadamardRotationFloatTests {
  /// LayerScale, norms before the blocks and of the heads, RMSNorm, gates, pooling by attention.
  private static let variants: [@Sendable (inout ModelConfiguration) -> Void] = [
    { _ in }, { $0.normBeforeBlocks = true }, { $0.norm = .rms }, { $0.isGated = true },
    { $0.readout = .patchAttentionPooling },
  ]

  @Test("A rotated model computes the same", arguments: variants.indices)
  func sameFunction(variant: Int) throws {
    let configuration = IntegerModelCase.configuration {
      ($0.width, $0.heads) = (48, 3)
      Self.variants[variant](&$0)
    }
    var model = FloatModel.random(configuration, seed: 5)
    for index in 0..<configuration.depth {
      model.blocks[index].layerScale1 = (0..<48).map { 0.5 + Float($0) / 48 }
      model.blocks[index].layerScale2 = (0..<48).map { 1.5 - Float($0) / 48 }
    }
    let rotation = try #require(HadamardRotation(width: 48, seed: 2))
    let pixels = (0..<configuration.imageElements).map { Float($0 * 37 % 101) / 101 }
    let exact = try FloatReference(model).run(pixels)
    let rotated = try FloatReference(model.rotated(by: rotation)).run(pixels)
    let drift = Comparison(reference: exact.lastHiddenState, got: rotated.lastHiddenState).sqnr
    #expect(drift > 100)
    #expect(Comparison(reference: exact.poolerOutput, got: rotated.poolerOutput).sqnr > 100)
  }

  @Test("The matrix is orthogonal, and rotating back is its transpose")
  func matrix() throws {
    let rotation = try #require(HadamardRotation(width: 96, seed: 4))
    let matrix = rotation.matrix()
    for row in 0..<96 {
      for other in 0..<96 {
        let product = (0..<96).reduce(Float(0)) { $0 + matrix[row * 96 + $1] * matrix[other * 96 + $1] }
        #expect(abs(product - (row == other ? 1 : 0)) < 1e-5)
      }
    }
    var vector = (0..<96).map { Float($0) }
    vector.withUnsafeMutableBufferPointer {
      if let base = $0.baseAddress { unsafe rotation.apply(toRows: base, count: 1) }
    }
    for row in 0..<96 {
      let product = (0..<96).reduce(Float(0)) { $0 + matrix[row * 96 + $1] * Float($1) }
      #expect(abs(product - vector[row]) < 1e-3)
    }
    vector.withUnsafeMutableBufferPointer {
      if let base = $0.baseAddress { unsafe rotation.apply(toRows: base, count: 1, isInverse: true) }
    }
    for index in 0..<96 { #expect(abs(vector[index] - Float(index)) < 1e-3) }
  }
}

@Suite("The choice of a rotation")
struct RotationChoiceTests {
  private func model(width: Int, _ change: (inout FloatModel) -> Void) -> FloatModel {
    var model = FloatModel.random(
      IntegerModelCase.configuration { ($0.width, $0.heads, $0.depth) = (width, 4, 3) }, seed: 1)
    change(&model)
    return model
  }

  @Test("Weights with outliers are rotated, others are not")
  func outliers() {
    let plain = model(width: 64) { _ in }
    #expect(plain.rotation(.auto) == nil)
    #expect(plain.rotation(.on) != nil)
    let outlying = model(width: 64) {
      for index in $0.blocks.indices {
        for channel in [3, 40] {
          $0.blocks[index].ln1.gain[channel] *= 30
          $0.blocks[index].ln2.gain[channel] *= 30
        }
      }
    }
    #expect(outlying.rotation(.auto) == outlying.rotation(.on))
    #expect(outlying.rotation(.off) == nil)
  }

  @Test("A model without blocks, or of a width that no group divides, is not rotated")
  func impossible() {
    #expect(model(width: 12) { _ in }.rotation(.on) == nil)
    let empty = FloatModel.random(
      IntegerModelCase.configuration { ($0.width, $0.heads, $0.depth) = (64, 4, 0) }, seed: 1)
    #expect(empty.rotation(.auto) == nil)
  }
}
