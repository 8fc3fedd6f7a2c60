import Int8Kernels

/// The dimensions that this package accepts, from checkpoints and from model files alike, so that every model that can
/// be calibrated can be run. They lie above those of published models.
package enum ModelLimits {
  /// Height and width of the images that a model takes, in pixels.
  package static let imageSide = 1...16_384
  /// Height and width that images are resized or cropped to before, in pixels.
  package static let preprocessedSide = 1...65_536
  /// Side of a patch in pixels.
  package static let patchSize = 1...1_024
  package static let channels = 1...1_024
  /// Width of the residual stream.
  package static let width = 1...16_384
  package static let depth = 0...1_024
  /// Must also divide the width.
  package static let heads = 1...16_384
  package static let mlpWidth = 1...65_536
  /// Class token, distillation token and registers together.
  package static let prefixTokens = 0...1_024
  package static let classes = 0...1_048_576
  /// Prefix tokens and patches together.
  package static let tokens = 1...32_768
  /// Inputs of any linear layer. Products of a level up to 255 and a weight within ±127 fill 32 bits from 66,311 inputs
  /// on, so accumulators cannot overflow.
  package static let layerInputs = 1...65_536
  /// Numbers that one layer reads or writes for one image: tokens times the widest layer. The largest buffer of an
  /// inference has 4 bytes for each: 512 MB. Where an `Int` has 32 bits 64 MB, so that all buffers together, some
  /// twenty, have a size that it can hold.
  package static let activations = 1...(Int.bitWidth > 32 ? 134_217_728 : 16_777_216)
  /// Added to the variance in every LayerNorm.
  package static let layerNormEpsilon = 1e-30...1.0
  /// Scales, deviations and, up to their sign, offsets and means between pixels and normalised values.
  package static let pixelValue = 1e-15...1e15
  /// Bytes of a class's name.
  package static let labelBytes = 1024
}

/// A model configuration beyond the limits, or with a variant that nothing computes.
public struct ModelLimitError: Error, Equatable, Sendable, CustomStringConvertible {
  /// `16385 heads`
  public var found: String
  /// `1 to 16384`
  public var expected: String

  public var description: String { "\(found), expected \(expected)" }
}

extension ModelConfiguration {
  /// Checks every dimension, and every product of dimensions that memory depends on.
  /// - Throws: the first that is beyond `ModelLimits`, or a variant that nothing computes.
  package func validate() throws(ModelLimitError) {
    try Self.check(imageHeight, "rows of pixels", ModelLimits.imageSide)
    try Self.check(imageWidth, "columns of pixels", ModelLimits.imageSide)
    try Self.check(patchSize, "pixels along a patch", ModelLimits.patchSize)
    try Self.check(channels, "channels", ModelLimits.channels)
    try Self.check(width, "numbers in a token", ModelLimits.width)
    try Self.check(depth, "blocks", ModelLimits.depth)
    try Self.check(heads, "heads", ModelLimits.heads)
    try Self.check(mlpWidth, "numbers in the MLP's hidden layer", ModelLimits.mlpWidth)
    try Self.check(prefixTokens, "tokens before the patches", ModelLimits.prefixTokens)
    try Self.check(classes, "classes", ModelLimits.classes)
    guard ModelLimits.layerNormEpsilon.contains(layerNormEpsilon) else {
      let range = ModelLimits.layerNormEpsilon
      throw ModelLimitError(
        found: "an epsilon of \(layerNormEpsilon)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    guard width.isMultiple(of: heads) else {
      throw ModelLimitError(found: "\(heads) heads for a width of \(width)", expected: "a divisor of the width")
    }
    try Self.check(projectionWidth, "outputs of the projection", 0...ModelLimits.width.upperBound)
    guard readout.pooling != .attention || !isGated else {
      throw ModelLimitError(found: "attention pooling beside gated MLPs", expected: "one of the two")
    }
    guard !positions.isRotary || headWidth.isMultiple(of: 4) else {
      throw ModelLimitError(
        found: "heads of \(headWidth) numbers with rotary positions", expected: "a multiple of 4")
    }
    // No product below overflows 32 bits: 1024 channels of 1024 x 1024 pixels, 16384 x 16384 patches.
    try Self.check(patchInputs, "inputs of the patch embedding", ModelLimits.layerInputs)
    guard patches > 0 else {
      throw ModelLimitError(
        found: "an image of \(imageHeight) x \(imageWidth)", expected: "at least one patch of \(patchSize) pixels")
    }
    try Self.check(tokens, "tokens", ModelLimits.tokens)
    let largest = ModelLimits.activations.upperBound / widestRow
    guard tokens <= largest else {
      throw ModelLimitError(
        found: "\(tokens) tokens in a model whose widest layer has \(widestRow) numbers for each",
        expected: "at most \(largest)")
    }
    try checkByteCounts()
  }

  /// Products of dimensions that only 64 bits hold for every valid model; where an `Int` has less, they decide.
  private func checkByteCounts() throws(ModelLimitError) {
    let (tokens, width) = (Int64(tokens), Int64(width))
    let pixels = Int64(channels) * Int64(imageHeight) * Int64(imageWidth)
    let head = Int64(WeightLayout.paddedOutputs(classes)) * (width * Int64(readout.segments) + 3)
    let hiddenStates = 4 * (Int64(depth) + 2) * tokens * width
    for (byteCount, what) in [(pixels, "pixels"), (head, "the head"), (hiddenStates, "hidden states")] {
      guard Int(exactly: byteCount) != nil else {
        throw ModelLimitError(found: "\(byteCount) bytes of \(what)", expected: "at most \(Int.max) on this machine")
      }
    }
  }

  /// The most numbers that any buffer has for a token. Heads are packed one by one, each padded to whole panels.
  private var widestRow: Int {
    let upOutputs = BlockLayer.ffnUp.shape(in: self).outputs
    return max(patchInputs, 3 * width, upOutputs, heads * WeightLayout.paddedOutputs(headWidth))
  }

  private static func check(_ found: Int, _ what: String, _ range: ClosedRange<Int>) throws(ModelLimitError) {
    guard range.contains(found) else {
      throw ModelLimitError(found: "\(found) \(what)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
  }
}
