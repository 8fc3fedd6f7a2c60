import LibC

/// By which angles a family rotates queries and keys. Pair i of a head's channels turns by the row's angle for the first
/// half of the pairs and by the column's for the rest; the frequencies fall from 1 to nearly 1 / temperature.
struct RotaryScheme: Sendable, Equatable {
  enum Coordinates: Sendable, Equatable {
    /// The patch's centre, from -1 to 1 over the image, times 2 pi: DINOv3.
    case centered
    /// The index of the patch's row or column plus an offset, scaled to a grid of the reference's size: EVA-02.
    case index(offset: Double, reference: PositionInterpolation.Grid?)
  }

  var coordinates: Coordinates
  var temperature: Double
  /// Whether neighbouring channels are a pair, rather than one of the first half and one of the second.
  var pairsNeighbours: Bool
  /// Whether the column's angles come first.
  var columnsFirst = false

  static let temperatures = 1e-3...1e12

  /// The cosine and sine of each patch and pair: two rows of `grid.count x headWidth / 2`.
  func rotation(on grid: PositionInterpolation.Grid, headWidth: Int) -> FloatRotation {
    let bands = headWidth / 4
    var rotation = FloatRotation(cosines: [], sines: [])
    for row in 0..<grid.height {
      for column in 0..<grid.width {
        let y = coordinate(row, of: grid.height, reference: \.height)
        let x = coordinate(column, of: grid.width, reference: \.width)
        for position in columnsFirst ? [x, y] : [y, x] {
          for band in 0..<bands {
            let angle = position * pow(temperature, -Double(band) / Double(bands))
            rotation.cosines.append(Float(cos(angle)))
            rotation.sines.append(Float(sin(angle)))
          }
        }
      }
    }
    return rotation
  }

  private func coordinate(
    _ index: Int, of count: Int, reference side: KeyPath<PositionInterpolation.Grid, Int>
  ) -> Double {
    switch coordinates {
    case .centered: return 2 * Double.pi * (2 * (Double(index) + 0.5) / Double(count) - 1)
    case .index(let offset, let reference):
      let position = Double(index) + offset
      return reference.map { position / Double(count) * Double($0[keyPath: side]) } ?? position
    }
  }
}

/// The rotation of each patch's queries and keys. Channels i and i + headWidth / 2 of a head are a pair (a, b), which
/// becomes (a cos - b sin, b cos + a sin).
package struct FloatRotation: Sendable, Equatable {
  /// `patches x headWidth / 2`
  package var cosines: [Float]
  package var sines: [Float]
}
