#if !hasFeature(Embedded)
  /// A class that a model finds in an image, and how probable it is.
  public struct Classification: Sendable, Equatable {
    /// Index of the class, from 0.
    public let index: Int
    /// The name that the model file gives the class; `class 7` where it names none.
    public let label: String
    /// The softmax of the logits, 0 to 1; those of all classes add up to 1.
    public let probability: Double

    /// The `k` classes with the largest logits, the largest first; of equal ones the first.
    ///
    /// - Parameters:
    ///   - logits: one for each class.
    ///   - labels: names of the classes, empty or one for each.
    package static func top(_ k: Int, of logits: [Float], labels: [String]) -> [Classification] {
      let probabilities = probabilities(of: logits)
      let order = logits.indices.sorted { (logits[$0], $1) > (logits[$1], $0) }
      return order.prefix(max(k, 0)).map { index in
        Classification(index: index, label: label(of: index, in: labels), probability: probabilities[index])
      }
    }

    /// What to call a class.
    package static func label(of index: Int, in labels: [String]) -> String {
      labels.indices.contains(index) ? labels[index] : "class \(index)"
    }

    /// The class with the largest logit, the first of several; nil without classes.
    package static func best(of logits: [Float]) -> Int? {
      guard var best = logits.indices.first else { return nil }
      for index in logits.indices where logits[index] > logits[best] { best = index }
      return best
    }

    /// The softmax of the logits.
    package static func probabilities(of logits: [Float]) -> [Double] {
      let softmax = Softmax(count: logits.count) { Double(logits[$0]) }
      return logits.map { softmax.probability(of: Double($0)) }
    }
  }
#endif
