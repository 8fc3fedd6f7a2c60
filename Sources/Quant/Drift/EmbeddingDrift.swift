import ViTLite

/// How a model without a head drifts as people use it: do images keep their nearest neighbours?
package struct EmbeddingDrift: Sendable {
  package private(set) var classTokenCosine = Mean()
  package private(set) var pooledCosine = Mean()
  private var reference: [[Float]] = []
  private var quantized: [[Float]] = []
  package private(set) var names: [String] = []

  /// Neighbours are looked for among the first of the images; the time grows with the square of their number.
  package static let neighbourLimit = 2000

  package init() {}

  mutating func add(_ embeddings: (reference: Embeddings, quantized: Embeddings), name: String) {
    if let exact = embeddings.reference.classToken, let got = embeddings.quantized.classToken {
      classTokenCosine.add(Comparison(reference: exact, got: got).cosine)
    }
    pooledCosine.add(Comparison(reference: embeddings.reference.pooled, got: embeddings.quantized.pooled).cosine)
    guard names.count < Self.neighbourLimit else { return }
    names.append(name)
    reference.append(Self.normalized(embeddings.reference.pooled))
    quantized.append(Self.normalized(embeddings.quantized.pooled))
  }

  private static func normalized(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return length > 0 ? vector.map { Float(Double($0) / length) } : vector
  }

  /// An image whose nearest neighbour is another one in int8.
  package struct Change: Sendable, Equatable {
    package var image: Int
    package var reference: Int
    package var quantized: Int
    /// Of the image and its neighbour in fp32, and of the image and its new neighbour, both in fp32: how near a thing
    /// it was.
    package var cosine: Double
    package var newCosine: Double
  }

  /// Of every image among all others.
  package struct Neighbours: Sendable {
    /// Images that were compared.
    package var count = 0
    /// Images with the same nearest neighbour.
    package var same = 0
    /// Mean share of the five nearest that are the same.
    package var overlap5: Double?
    /// Those that are not, the clearest first.
    package var changes: [Change] = []
  }

  /// - Precondition: costs `count^2 x width` operations; called once.
  package func neighbours(threads: Int) -> Neighbours {
    let count = names.count
    guard count > 1 else { return Neighbours() }
    let near = min(5, count - 1)
    let (reference, quantized) = (reference, quantized)
    let found = concurrentMap(count: count, threads: threads) { image -> (change: Change, shared: Int) in
      let exact = Self.nearest(to: image, among: reference, near)
      let got = Self.nearest(to: image, among: quantized, near)
      let change = Change(
        image: image, reference: exact[0], quantized: got[0],
        cosine: Double(Self.product(reference[image], reference[exact[0]])),
        newCosine: Double(Self.product(reference[image], reference[got[0]])))
      return (change, Set(exact).intersection(got).count)
    }
    var result = Neighbours(count: count)
    result.changes = found.map(\.change).filter { $0.reference != $0.quantized }
      .sorted { ($1.cosine - $1.newCosine, $0.image) < ($0.cosine - $0.newCosine, $1.image) }
    result.same = count - result.changes.count
    result.overlap5 = Double(found.reduce(0) { $0 + $1.shared }) / Double(count * near)
    return result
  }

  private static func nearest(to image: Int, among vectors: [[Float]], _ count: Int) -> [Int] {
    var best: [(product: Float, index: Int)] = []
    for index in vectors.indices where index != image {
      let product = product(vectors[image], vectors[index])
      if best.count == count, let last = best.last, product <= last.product { continue }
      let place = best.firstIndex { product > $0.product } ?? best.count
      best.insert((product, index), at: place)
      if best.count > count { best.removeLast() }
    }
    return best.map(\.index)
  }

  private static func product(_ a: [Float], _ b: [Float]) -> Float {
    var sums = SIMD16<Float>.zero
    let whole = a.count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      var (x, y) = (SIMD16<Float>.zero, SIMD16<Float>.zero)
      for lane in 0..<16 {
        x[lane] = a[start + lane]
        y[lane] = b[start + lane]
      }
      sums += x * y
    }
    var total = sums.sum()
    for index in whole..<a.count { total += a[index] * b[index] }
    return total
  }
}
