/// How an image becomes a model's input, as `preprocessor_config.json` (Hugging Face) or `pretrained_cfg` (timm) says.
/// The steps, in order: convert to the model's channels, resize, center-crop, scale to 0...1, normalise.
public struct Preprocessing: Sendable, Equatable {
  public enum Resize: Sendable, Equatable {
    case none
    /// To exactly this height and width.
    case exact(height: Int, width: Int)
    /// The shorter edge to this length, the other in proportion.
    case shortestEdge(Int)
    /// In proportion, to the smallest size that is at least this height and width.
    case covering(height: Int, width: Int)
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

  /// Which pixel the center crop begins at when the margin around it is odd: the pipelines differ by one pixel.
  public enum CropRounding: String, Sendable {
    /// Half the margin, rounded down: transformers.
    case down
    /// Half the margin, ties to even; half the padding rounded down where the image is smaller: torchvision, timm.
    case halfToEven = "half_to_even"

    /// The first position of a centered crop along one axis; negative when the image is shorter than the crop, and
    /// then minus the number of zeros before it.
    package func offset(ofCrop crop: Int, in length: Int) -> Int {
      let margin = length - crop
      let roundedDown = margin >> 1
      switch self {
      case .down: return roundedDown
      case .halfToEven:
        if margin < 0 { return margin / 2 }
        return roundedDown + (margin & roundedDown & 1)
      }
    }
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
  public var cropRounding: CropRounding
  /// Factor from 8-bit pixels to the range that mean and deviation refer to; 1/255 as a rule.
  public var rescaleFactor: Double
  /// One for each channel of the model.
  public var mean: [Double]
  public var standardDeviation: [Double]

  public init(
    resize: Resize, filter: Filter, crop: (height: Int, width: Int)?, cropRounding: CropRounding = .down,
    rescaleFactor: Double = 1.0 / 255, mean: [Double], standardDeviation: [Double]
  ) {
    self.resize = resize
    self.filter = filter
    self.cropRounding = cropRounding
    self.rescaleFactor = rescaleFactor
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.crop = crop
  }
}
