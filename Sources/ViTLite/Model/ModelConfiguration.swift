/// The architecture of a Vision Transformer: its dimensions, and which variant of each part it has. A model runs by
/// these fields alone, whatever family of checkpoints it comes from.
public struct ModelConfiguration: Sendable, Equatable {
  /// Where the model comes from, such as `dinov2`: shown to people, decides nothing.
  public var family: String
  /// Height and width of the input in pixels, as the model will be run.
  public var imageHeight: Int
  public var imageWidth: Int
  /// Side of a square patch in pixels.
  public var patchSize: Int
  public var channels: Int
  /// Width of the residual stream.
  public var width: Int
  public var depth: Int
  public var heads: Int
  /// Width of the hidden layer of each MLP.
  public var mlpWidth: Int
  /// Added to the variance in every LayerNorm.
  public var layerNormEpsilon: Double
  /// Tokens before the patches: class token, distillation token and registers, in that order.
  public var prefixTokens: Int
  /// How tokens get to know where their patches are.
  public var positions: PositionScheme
  /// Whether a LayerNorm stands between the embeddings and the first block.
  public var normBeforeBlocks: Bool
  /// Between the two layers of each MLP.
  public var activation: ActivationFunction
  public var readout: Readout
  /// Classes of the head; 0 when the model has none.
  public var classes: Int
  /// Names of the classes, empty or one for each.
  public var labels: [String]

  public init(
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

  public var headWidth: Int { width / heads }
  public var gridHeight: Int { imageHeight / patchSize }
  public var gridWidth: Int { imageWidth / patchSize }
  public var patches: Int { gridHeight * gridWidth }
  /// Rows of the residual stream: prefix tokens, then patches in row-major order.
  public var tokens: Int { prefixTokens + patches }
  /// Inputs of the patch embedding: channels x patch rows x patch columns.
  public var patchInputs: Int { channels * patchSize * patchSize }
}
