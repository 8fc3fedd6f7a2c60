/// How an image becomes a model's input, as `preprocessor_config.json` (Hugging Face) or `pretrained_cfg` (timm) says.
/// The steps, in order: convert to the model's channels, resize, center-crop, scale to 0...1, normalise.
public struct Preprocessing: Sendable, Equatable {
  public enum Resize: Sendable, Equatable {
    case none
    /// To exactly this height and width.
    case exact(height: Int, width: Int)
    /// The shorter edge to this length, the other in proportion.
    case shortestEdge(Int)
  }

  /// Pillow's resampling filters, by Pillow's number.
  public enum Filter: Int, Sendable {
    case nearest = 0
    case lanczos = 1
    case bilinear = 2
    case bicubic = 3
    case box = 4
    case hamming = 5
  }

  public var resize: Resize
  public var filter: Filter
  /// Height and width of the center crop; nil when there is none.
  public var crop: (height: Int, width: Int)? {
    get { cropHeight > 0 ? (cropHeight, cropWidth) : nil }
    set {
      cropHeight = newValue?.height ?? 0
      cropWidth = newValue?.width ?? 0
    }
  }
  private var cropHeight = 0
  private var cropWidth = 0
  /// Factor from 8-bit pixels to the range that mean and deviation refer to; 1/255 as a rule.
  public var rescaleFactor: Double
  /// One for each channel of the model.
  public var mean: [Double]
  public var standardDeviation: [Double]

  public init(
    resize: Resize, filter: Filter, crop: (height: Int, width: Int)?, rescaleFactor: Double = 1.0 / 255,
    mean: [Double], standardDeviation: [Double]
  ) {
    self.resize = resize
    self.filter = filter
    self.rescaleFactor = rescaleFactor
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.crop = crop
  }
}
