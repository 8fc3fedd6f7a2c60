import Quant
import ViTLite

/// On which images: those with another answer, those that drift most, those whose neighbours changed.
struct ImageSection {
  private let report: DriftReport

  init(_ report: DriftReport) { self.report = report }

  var html: String {
    let worst = report.summary.worst
    let count = report.summary.disagreements.count
    var parts = ["<h2>On which images</h2>"]
    if report.summary.agreement != nil {
      let shown = worst.disagreements.count
      let which = count > shown ? ", and the \(shown) that fp32 was surest of" : ""
      parts.append(
        count == 0
          ? "<p>Both models give the same answer on all images.</p>"
          : "<h3>Another answer</h3>\n<p>\(NumberText.grouped(count)) image\(count == 1 ? "" : "s")\(which). The margin is how "
            + "much more probable the answer is than the next class.</p>\n\(cards(worst.disagreements))")
    }
    if let neighbours = report.summary.neighbours { parts.append(changes(neighbours)) }
    if !worst.drifting.isEmpty {
      let title = report.summary.agreement == nil ? "Most drift" : "Most drift with the same answer"
      parts.append("<h3>\(title)</h3>\n\(cards(worst.drifting))")
    }
    return parts.joined(separator: "\n")
  }

  private func cards(_ entries: [WorstImages.Entry]) -> String {
    let items = entries.map { entry -> String in
      var lines = [name(entry.input)]
      if let label = entry.label { lines.append("label \(report.classes[label])") }
      if let reference = entry.reference { lines.append(text("fp32", reference)) }
      if let quantized = entry.quantized { lines.append(text("int8", quantized)) }
      lines.append("\(NumberText.fixed(entry.sqnr, 1)) dB")
      return item(image: entry.index, alternative: entry.input, lines)
    }
    return "<ul class=\"cards\">\(items.joined(separator: "\n"))</ul>"
  }

  /// The end of a path, which tells images apart.
  private func name(_ input: String) -> String {
    input.split(separator: "/").suffix(2).joined(separator: "/")
  }

  private func text(_ model: String, _ answer: Answer) -> String {
    "\(model): \(report.classes[answer.index]) \(NumberText.percent(answer.probability, 1)), margin "
      + NumberText.percent(answer.margin, 1)
  }

  private func item(image index: Int, alternative: String, _ lines: [String]) -> String {
    "<li>\(picture(index, alternative))<p>\(lines.map(Markup.escape).joined(separator: "<br>"))</p></li>"
  }

  private func picture(_ index: Int, _ alternative: String) -> String {
    guard let thumbnail = report.thumbnails[index] else { return "" }
    return "<img src=\"\(thumbnail.dataAddress)\" width=\"72\" height=\"72\" alt=\"\(Markup.escape(alternative))\">"
  }

  private func changes(_ neighbours: EmbeddingDrift.Neighbours) -> String {
    let names = report.summary.embeddings.names
    guard !neighbours.changes.isEmpty else {
      return "<h3>Nearest neighbours</h3>\n<p>All \(NumberText.grouped(neighbours.count)) images keep theirs.</p>"
    }
    let items = neighbours.changes.prefix(DriftPage.neighbourChanges).map { change -> String in
      let rows = [
        (change.image, ""), (change.reference, "nearest in fp32, cosine \(NumberText.fixed(change.cosine, 4))"),
        (change.quantized, "nearest in int8, cosine in fp32 \(NumberText.fixed(change.newCosine, 4))"),
      ].map { index, text in
        let lines = [text, name(names[index])].filter { !$0.isEmpty }.map(Markup.escape).joined(separator: "<br>")
        return "<div>\(picture(index, names[index]))<p>\(lines)</p></div>"
      }
      return "<li class=\"neighbours\">\(rows.joined())</li>"
    }
    return "<h3>Nearest neighbours</h3>\n<p>\(NumberText.grouped(neighbours.changes.count)) of "
      + "\(NumberText.grouped(neighbours.count)) images have another nearest neighbour in int8; the clearest changes first. "
      + "Below each image its neighbour in fp32 and in int8.</p>\n"
      + "<ul class=\"cards\">\(items.joined(separator: "\n"))</ul>"
  }
}
