import ViTLite

/// What images look like to a model: enough to see that two sets of them have little in common, or that values were
/// normalised in another way than the model expects.
package struct ImageStatistics: Sendable, Equatable {
  package private(set) var count = 0
  private var sum = 0.0
  private var squares = 0.0
  package private(set) var minimum: Float = .infinity
  package private(set) var maximum: Float = -.infinity
  /// Sums over pairs of neighbours in a row.
  private var pairs = 0
  private var left = 0.0
  private var right = 0.0
  private var leftSquares = 0.0
  private var rightSquares = 0.0
  private var products = 0.0

  package init() {}

  /// Takes in an image's values: `channels x rows x width`, normalised.
  package mutating func add(_ values: [Float], width: Int) {
    count += values.count
    for index in values.indices {
      let value = Double(values[index])
      sum += value
      squares += value * value
      minimum = min(minimum, values[index])
      maximum = max(maximum, values[index])
      guard (index + 1) % max(width, 1) != 0, index + 1 < values.count else { continue }
      let next = Double(values[index + 1])
      pairs += 1
      left += value
      right += next
      leftSquares += value * value
      rightSquares += next * next
      products += value * next
    }
  }

  package mutating func merge(_ other: ImageStatistics) {
    count += other.count
    sum += other.sum
    squares += other.squares
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
    pairs += other.pairs
    left += other.left
    right += other.right
    leftSquares += other.leftSquares
    rightSquares += other.rightSquares
    products += other.products
  }

  package var mean: Double? { count > 0 ? sum / Double(count) : nil }
  package var deviation: Double? {
    count > 0 ? max(squares / Double(count) - sum * sum / Double(count * count), 0).squareRoot() : nil
  }
  /// Correlation of neighbours in a row: near 1 for photographs, near 0 for noise; nil for images of one value.
  package var correlation: Double? {
    guard pairs > 0 else { return nil }
    let n = Double(pairs)
    let spread = (leftSquares / n - left * left / n / n) * (rightSquares / n - right * right / n / n)
    return spread > 0 ? (products / n - left * right / n / n) / spread.squareRoot() : nil
  }
}
