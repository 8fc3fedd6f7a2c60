import ViTLite

/// Preprocessing, and what of it no file of the model says.
struct AssumedPreprocessing: Sendable {
  /// A part that a file may leave out.
  enum Part: Sendable, CaseIterable {
    case resize
    case crop
    case interpolation
    case mean
    case deviation
  }

  var preprocessing: Preprocessing
  /// Nothing where the files say everything.
  var assumed: [Part] = []

  /// What was assumed, for people: `resize to 384 x 384`.
  var assumptions: [String] {
    assumed.map { part in
      switch part {
      case .resize: Self.text(preprocessing.resize)
      case .crop: preprocessing.crop.map { "a center crop of \($0.height) x \($0.width)" } ?? "no crop"
      case .interpolation: "\(preprocessing.filter) interpolation"
      case .mean: "mean \(Self.text(preprocessing.mean))"
      case .deviation: "deviation \(Self.text(preprocessing.standardDeviation))"
      }
    }
  }

  private static func text(_ resize: Preprocessing.Resize) -> String {
    switch resize {
    case .none: "no resizing"
    case .exact(let height, let width): "resizing to \(height) x \(width)"
    case .shortestEdge(let edge): "resizing the shorter edge to \(edge)"
    case .covering(let height, let width): "resizing to cover \(height) x \(width)"
    }
  }

  private static func text(_ numbers: [Double]) -> String {
    numbers.map { "\($0)" }.joined(separator: " ")
  }
}

extension ImageProcessor {
  /// The size that the defaults lead to.
  private static let defaultSide = 224

  /// The defaults, for images of another size: what comes before a crop grows with it, as in the files of models that
  /// were trained at other sizes.
  func defaults(height: Int, width: Int) -> Preprocessing {
    var preprocessing = defaults
    guard (height, width) != (Self.defaultSide, Self.defaultSide) else { return preprocessing }
    func scaled(_ side: Int, to target: Int) -> Int { side * target / Self.defaultSide }
    if preprocessing.crop != nil { preprocessing.crop = (height, width) }
    switch preprocessing.resize {
    case .none, .covering: break
    case .exact(let standardHeight, let standardWidth):
      preprocessing.resize = .exact(
        height: scaled(standardHeight, to: height), width: scaled(standardWidth, to: width))
    case .shortestEdge(let edge) where height == width: preprocessing.resize = .shortestEdge(scaled(edge, to: height))
    case .shortestEdge(let edge):
      preprocessing.resize = .covering(height: scaled(edge, to: height), width: scaled(edge, to: width))
    }
    return preprocessing
  }
}
