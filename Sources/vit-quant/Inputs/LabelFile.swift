import Int8Kernels
import Quant
import ViTLite

/// A `labels.csv`: a header with the columns `file` and `label`, then one image a line. A label is the index of a class
/// or its name.
struct LabelFile {
  /// The largest file to read; lists of data sets are far smaller.
  private static let maximumBytes = 1 << 28
  private static let maximumLineBytes = 1 << 13

  struct Row {
    var file: String
    var label: String
    /// The line's number in the file; the header is line 1.
    var line: Int
  }

  let path: String
  private(set) var rows: [Row] = []

  init(path: String) throws(CommandError) {
    self.path = path
    let bytes: [UInt8]
    do { bytes = try MappedFile.contents(of: path, limit: Self.maximumBytes) } catch { throw .input("\(error)") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .input("text that is not UTF-8, \(path), expected a CSV file with the columns file and label")
    }
    var columns: (file: Int, label: Int)?
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      if line.isEmpty { continue }
      guard line.utf8.count <= Self.maximumLineBytes else {
        throw .input(
          "\(line.utf8.count) bytes, line \(index + 1) of \(path), expected at most \(Self.maximumLineBytes)")
      }
      let fields = Self.fields(of: line)
      guard let columns else {
        let names = fields.map { $0.lowercased() }
        guard let file = names.firstIndex(of: "file"), let label = names.firstIndex(of: "label") else {
          throw .input("the header \(Quotation(String(line))), line 1 of \(path), expected the columns file and label")
        }
        columns = (file, label)
        continue
      }
      guard columns.file < fields.count, columns.label < fields.count else {
        throw .input("\(fields.count) fields, line \(index + 1) of \(path), expected file and label")
      }
      rows.append(Row(file: fields[columns.file], label: fields[columns.label], line: index + 1))
    }
  }

  /// The fields of a line: separated by commas, in double quotes when they hold one, quotes doubled within.
  private static func fields(of line: Substring) -> [String] {
    var fields = [""]
    var isQuoted = false
    var previousWasQuote = false
    for character in line {
      if character == "\"" {
        if previousWasQuote, !isQuoted { fields[fields.count - 1].append("\"") }
        isQuoted.toggle()
        previousWasQuote = true
        continue
      }
      previousWasQuote = false
      if character == ",", !isQuoted { fields.append("") } else { fields[fields.count - 1].append(character) }
    }
    return fields.map { $0.trimmingSpaces() }
  }
}

extension String {
  fileprivate func trimmingSpaces() -> String {
    let front = drop { $0 == " " || $0 == "\t" || $0 == "\u{FEFF}" }
    guard let last = front.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return String(front[...last])
  }
}
