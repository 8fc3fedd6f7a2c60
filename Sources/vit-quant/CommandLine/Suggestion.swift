/// Finds what someone may have meant.
enum Suggestion {
  /// The nearest of `words`; nil when none is near enough: more than two edits, or a third of the word, away.
  static func nearest(to word: String, among words: [String]) -> String? {
    let ranked = words.map { (word: $0, distance: distance(Array(word.utf8), Array($0.utf8))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    let isPrefix = word.count >= 4 && best.word.hasPrefix(word)
    return isPrefix || best.distance <= max(2, word.utf8.count / 3) ? best.word : nil
  }

  /// The fewest insertions, deletions, substitutions and swaps of neighbours that turn one word into the other
  /// (optimal string alignment).
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
