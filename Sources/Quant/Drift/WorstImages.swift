/// Keeps the few images that matter most, whatever order they come in.
package struct WorstImages: Sendable {
  /// An image and what the models made of it.
  package struct Entry: Sendable {
    package var input: String
    /// Its place in the data.
    package var index: Int
    package var label: Int?
    package var reference: Answer?
    package var quantized: Answer?
    /// Of the output, in dB.
    package var sqnr: Double
  }

  /// Images on which the answers differ; those that the float model was surest of first.
  package private(set) var disagreements: [Entry] = []
  /// Images whose output drifts most, with the same answer.
  package private(set) var drifting: [Entry] = []
  private let limit: Int

  package init(limit: Int) { self.limit = limit }

  mutating func add(_ entry: Entry) {
    if let reference = entry.reference, let quantized = entry.quantized, reference.index != quantized.index {
      Self.insert(entry, into: &disagreements, limit) {
        (-($0.reference?.margin ?? 0), $0.index) < (-($1.reference?.margin ?? 0), $1.index)
      }
    } else {
      Self.insert(entry, into: &drifting, limit) { ($0.sqnr, $0.index) < ($1.sqnr, $1.index) }
    }
  }

  mutating func merge(_ other: WorstImages) {
    for entry in other.disagreements + other.drifting { add(entry) }
  }

  private static func insert(
    _ entry: Entry, into entries: inout [Entry], _ limit: Int, _ precedes: (Entry, Entry) -> Bool
  ) {
    let place = entries.firstIndex { precedes(entry, $0) } ?? entries.count
    guard place < limit else { return }
    entries.insert(entry, at: place)
    if entries.count > limit { entries.removeLast() }
  }
}
