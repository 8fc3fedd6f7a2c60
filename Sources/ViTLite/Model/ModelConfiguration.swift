/// The architecture of a Vision Transformer: its dimensions, and which variant of each part it has. The forward pass
/// depends on these fields alone, not on the family of checkpoints that the model comes from.
public struct ModelConfiguration: Sendable, Equatable {
  /// The family of checkpoints that the model comes from, such as `dinov2`; for display only.
  public package(set) var family: String
  /// Height and width of the input in pixels, as the model will be run.
  public package(set) var imageHeight: Int
  public package(set) var imageWidth: Int
  /// Side of a square patch in pixels.
  public package(set) var patchSize: Int
  public package(set) var channels: Int
  /// Width of the residual stream.
  public package(set) var width: Int
  public package(set) var depth: Int
  public package(set) var heads: Int
  /// Width of the hidden layer of each MLP.
  public package(set) var mlpWidth: Int
  /// Added to the variance in every LayerNorm.
  public package(set) var layerNormEpsilon: Double
  /// Tokens before the patches: class token, distillation token and registers, in that order.
  public package(set) var prefixTokens: Int
  /// How the position of a patch enters its token.
  public package(set) var positions: PositionScheme
  /// Whether a LayerNorm stands between the embeddings and the first block.
  public package(set) var normBeforeBlocks: Bool
  /// What every norm computes.
  public package(set) var norm: NormFunction
  /// Whether each head's queries and keys go through a norm.
  public package(set) var normsQueriesAndKeys: Bool
  /// Whether the heads' results go through a norm before their projection.
  public package(set) var normsAttention: Bool
  /// Between the two layers of each MLP.
  public package(set) var activation: ActivationFunction
  /// Whether the MLP's first layer gives two rows, and the activation of the first is multiplied by the second: Shazeer,
  /// "GLU Variants Improve Transformer", 2020.
  public package(set) var isGated: Bool
  /// Whether the MLP's hidden layer goes through a norm.
  public package(set) var normsHidden: Bool
  public package(set) var readout: Readout
  /// Classes of the head; 0 when the model has none.
  public package(set) var classes: Int
  /// Width of the vector that a projection makes of the pooled one; 0 when the model has no projection.
  public package(set) var projectionWidth: Int
  /// Names of the classes, empty or one for each.
  public package(set) var labels: [String]

  package init(
    family: String, imageHeight: Int, imageWidth: Int, patchSize: Int, channels: Int, width: Int, depth: Int,
    heads: Int, mlpWidth: Int, layerNormEpsilon: Double, prefixTokens: Int, positions: PositionScheme = .learned,
    normBeforeBlocks: Bool = false, norm: NormFunction = .layerNorm, normsQueriesAndKeys: Bool = false,
    normsAttention: Bool = false, activation: ActivationFunction = .gelu, isGated: Bool = false,
    normsHidden: Bool = false, readout: Readout, classes: Int, projectionWidth: Int = 0, labels: [String] = []
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
    self.norm = norm
    self.normsQueriesAndKeys = normsQueriesAndKeys
    self.normsAttention = normsAttention
    self.activation = activation
    self.isGated = isGated
    self.normsHidden = normsHidden
    self.readout = readout
    self.classes = classes
    self.projectionWidth = projectionWidth
    self.labels = labels
  }

  /// The tokens that a pooling reads: all, or the patches.
  package var pooledTokens: Range<Int> { (readout.poolsPrefix ? 0 : prefixTokens)..<tokens }
  /// Whether queries and keys change between their projection and the scores.
  package var transformsQueriesAndKeys: Bool { normsQueriesAndKeys || positions.isRotary }
  /// Numbers that a model without a head makes of an image.
  public var embeddingWidth: Int { projectionWidth > 0 ? projectionWidth : width }
  /// Blocks with the head that pools by attention, where there is one: it is a block whose queries do not depend on its
  /// input, which computes one row, and whose attention's output is not added to anything.
  package var blockCount: Int { depth + (readout.pooling == .attention ? 1 : 0) }
  package var headWidth: Int { width / heads }
  package var gridHeight: Int { imageHeight / patchSize }
  package var gridWidth: Int { imageWidth / patchSize }
  public var patches: Int { gridHeight * gridWidth }
  /// Rows of the residual stream: prefix tokens, then patches in row-major order.
  public var tokens: Int { prefixTokens + patches }
  /// Numbers of one image: channels x height x width.
  public var imageElements: Int { channels * imageHeight * imageWidth }
  /// Inputs of the patch embedding: channels x patch rows x patch columns.
  package var patchInputs: Int { channels * patchSize * patchSize }
}
