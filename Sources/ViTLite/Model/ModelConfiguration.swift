/// The architecture of a Vision Transformer: its dimensions, and which variant of each part it has. A model runs by
/// these fields alone, whatever family of checkpoints it comes from.
package struct ModelConfiguration: Sendable, Equatable {
  /// Where the model comes from, such as `dinov2`: shown to people, decides nothing.
  package var family: String
  /// Height and width of the input in pixels, as the model will be run.
  package var imageHeight: Int
  package var imageWidth: Int
  /// Side of a square patch in pixels.
  package var patchSize: Int
  package var channels: Int
  /// Width of the residual stream.
  package var width: Int
  package var depth: Int
  package var heads: Int
  /// Width of the hidden layer of each MLP.
  package var mlpWidth: Int
  /// Added to the variance in every LayerNorm.
  package var layerNormEpsilon: Double
  /// Tokens before the patches: class token, distillation token and registers, in that order.
  package var prefixTokens: Int
  /// How tokens get to know where their patches are.
  package var positions: PositionScheme
  /// Whether a LayerNorm stands between the embeddings and the first block.
  package var normBeforeBlocks: Bool
  /// Between the two layers of each MLP.
  package var activation: ActivationFunction
  package var readout: Readout
  /// Classes of the head; 0 when the model has none.
  package var classes: Int
  /// Names of the classes, empty or one for each.
  package var labels: [String]

  package init(
    family: String, imageHeight: Int, imageWidth: Int, patchSize: Int, channels: Int, width: Int, depth: Int,
    heads: Int, mlpWidth: Int, layerNormEpsilon: Double, prefixTokens: Int, positions: PositionScheme = .learned,
    normBeforeBlocks: Bool = false, activation: ActivationFunction = .gelu, readout: Readout, classes: Int,
    labels: [String] = []
  ) {
    self.family = family
    self.imageHeight = imageHeight
    self.imageWidth = imageWidth
    self.patchSize = patchSize
    self.channels = channels
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpWidth = mlpWidth
    self.layerNormEpsilon = layerNormEpsilon
    self.prefixTokens = prefixTokens
    self.positions = positions
    self.normBeforeBlocks = normBeforeBlocks
    self.activation = activation
    self.readout = readout
    self.classes = classes
    self.labels = labels
  }

  package var headWidth: Int { width / heads }
  package var gridHeight: Int { imageHeight / patchSize }
  package var gridWidth: Int { imageWidth / patchSize }
  package var patches: Int { gridHeight * gridWidth }
  /// Rows of the residual stream: prefix tokens, then patches in row-major order.
  package var tokens: Int { prefixTokens + patches }
  /// Inputs of the patch embedding: channels x patch rows x patch columns.
  package var patchInputs: Int { channels * patchSize * patchSize }
}
