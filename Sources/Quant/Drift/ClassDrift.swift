/// What happens to the images of one class.
package struct ClassDrift: Sendable, Equatable {
  /// Images with this label.
  package private(set) var images = 0
  package private(set) var referenceRight = 0
  package private(set) var quantizedRight = 0
  /// Images that only the float, and that only the int8 model gets right.
  package private(set) var lost = 0
  package private(set) var won = 0
  /// What the int8 model says instead where the float model was right: how often each class.
  package private(set) var confusions: [Int: Int] = [:]

  package init() {}

  mutating func add(label: Int, reference: Int, quantized: Int) {
    images += 1
    if reference == label { referenceRight += 1 }
    if quantized == label { quantizedRight += 1 }
    if reference == label, quantized != label {
      lost += 1
      confusions[quantized, default: 0] += 1
    }
    if quantized == label, reference != label { won += 1 }
  }

  mutating func merge(_ other: ClassDrift) {
    images += other.images
    referenceRight += other.referenceRight
    quantizedRight += other.quantizedRight
    lost += other.lost
    won += other.won
    confusions.merge(other.confusions) { $0 + $1 }
  }

  /// Share of this class's images, 0 to 1; nil without images.
  package var referenceTop1: Double? { images > 0 ? Double(referenceRight) / Double(images) : nil }
  package var quantizedTop1: Double? { images > 0 ? Double(quantizedRight) / Double(images) : nil }
  /// In percentage points.
  package var drop: Double? { images > 0 ? 100 * Double(referenceRight - quantizedRight) / Double(images) : nil }
  package var dropInterval: ClosedRange<Double>? {
    Statistics.pairedDifference(lost: lost, won: won, count: images).map { 100 * $0.lowerBound...100 * $0.upperBound }
  }
}
