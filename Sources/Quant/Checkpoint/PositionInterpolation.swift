import Resampling

/// Bicubic resampling of a grid of position embeddings, as PyTorch's `interpolate(mode: "bicubic",
/// align_corners: false)` does it to run a model at another image size.
enum PositionInterpolation {
  /// A grid of patches.
  struct Grid: Equatable {
    var height: Int
    var width: Int

    var count: Int { height * width }
  }

  /// Resamples `grid.height x grid.width` vectors of `width` floats each, row-major.
  /// - Parameter antialias: whether the kernel widens when the grid shrinks; PyTorch then also uses Pillow's kernel.
  static func resample(
    _ positions: [Float], width: Int, from source: Grid, to target: Grid, antialias: Bool
  ) -> [Float] {
    guard source != target else { return positions }
    let rows = taps(from: source.height, to: target.height, antialias: antialias)
    let columns = taps(from: source.width, to: target.width, antialias: antialias)
    var result = [Float](repeating: 0, count: target.count * width)
    for (row, rowTaps) in rows.enumerated() {
      for (column, columnTaps) in columns.enumerated() {
        for rowTap in rowTaps {
          for columnTap in columnTaps {
            let weight = Float(rowTap.weight * columnTap.weight)
            let from = (rowTap.index * source.width + columnTap.index) * width
            let to = (row * target.width + column) * width
            for channel in 0..<width { result[to + channel] += weight * positions[from + channel] }
          }
        }
      }
    }
    return result
  }

  private struct Tap {
    var index: Int
    var weight: Double
  }

  /// The contributions to each of `target` positions along one axis of `source`.
  private static func taps(from source: Int, to target: Int, antialias: Bool) -> [[Tap]] {
    let scale = Double(source) / Double(target)
    return (0..<target).map { index in
      let center = scale * (Double(index) + 0.5)
      return antialias ? wideTaps(center, source: source, scale: scale) : fourTaps(center, source: source)
    }
  }

  /// The four nearest positions, those beyond an edge replaced by the edge.
  private static func fourTaps(_ center: Double, source: Int) -> [Tap] {
    let position = center - 0.5
    let first = Int(position.rounded(.down))
    return (first - 1...first + 2).map { index in
      Tap(index: min(max(index, 0), source - 1), weight: CubicConvolution.pyTorch.weight(at: position - Double(index)))
    }
  }

  /// All positions under a kernel as wide as the step, cut at the edges and normalised.
  private static func wideTaps(_ center: Double, source: Int, scale: Double) -> [Tap] {
    let stretch = max(scale, 1)
    let first = max(0, Int(center - 2 * stretch + 0.5))
    let end = min(source, Int(center + 2 * stretch + 0.5))
    let taps = (first..<end).map { index in
      Tap(index: index, weight: CubicConvolution.pillow.weight(at: (Double(index) - center + 0.5) / stretch))
    }
    let sum = taps.reduce(0) { $0 + $1.weight }
    return taps.map { Tap(index: $0.index, weight: $0.weight / sum) }
  }
}
