/// What folders hold beside readable images: counted by kind, so that nothing is left out without a word.
struct LeftOutFiles: Sendable {
  /// Names that are shown of each kind.
  private static let shown = 3

  /// Files whose name does not end as an image's that can be read; by ending, `""` for none.
  private(set) var otherFormats: [String: Int] = [:]
  /// Symbolic links to nothing, or to what may not be seen.
  private(set) var brokenLinks: [String] = []
  /// With the bytes that are no UTF-8 as `\xE9`.
  private(set) var undecodableNames: [String] = []
  /// Devices, pipes and sockets.
  private(set) var specialFiles: [String] = []
  /// Names that begin with a dot.
  private(set) var hidden = 0
  /// Images that a `labels.csv` does not name.
  private(set) var unlisted = 0

  mutating func addOtherFormat(_ name: String) {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    let ending = parts.count > 1 ? ".\(parts[parts.count - 1].lowercased())" : ""
    otherFormats[ending, default: 0] += 1
  }

  mutating func addBrokenLink(_ path: String) { brokenLinks.append(path) }
  mutating func addUndecodableName(_ path: String) { undecodableNames.append(path) }
  mutating func addSpecialFile(_ path: String) { specialFiles.append(path) }
  mutating func addHidden() { hidden += 1 }
  mutating func addUnlisted(_ count: Int) { unlisted += count }

  mutating func merge(_ other: LeftOutFiles) {
    otherFormats.merge(other.otherFormats, uniquingKeysWith: +)
    brokenLinks += other.brokenLinks
    undecodableNames += other.undecodableNames
    specialFiles += other.specialFiles
    hidden += other.hidden
    unlisted += other.unlisted
  }

  /// Tells on standard error: what may well have been meant as an image as a warning, other formats as a note.
  func report(_ console: Console) {
    let lost = [
      Self.text(brokenLinks, "link to nothing", "links to nothing"),
      Self.text(undecodableNames, "name that is not UTF-8", "names that are not UTF-8"),
      Self.text(specialFiles, "device or pipe", "devices or pipes"),
    ].compactMap { $0 }
    if !lost.isEmpty { Console.warn("left out: \(lost.joined(separator: "; "))") }
    let others = [
      otherFormatsText.map { "\($0), read are PNG, JPEG, WebP, PPM and PGM" },
      Self.counted(unlisted, "image that labels.csv does not name", "images that labels.csv does not name"),
      Self.counted(hidden, "hidden entry", "hidden entries"),
    ].compactMap { $0 }
    if !others.isEmpty { console.note("left out: \(others.joined(separator: "; "))") }
  }

  /// `3 files of other formats (2 .tif, 1 without an ending)`; nil without any.
  var otherFormatsText: String? {
    let count = otherFormats.values.reduce(0, +)
    guard let total = Self.counted(count, "file of another format", "files of other formats") else { return nil }
    let endings = otherFormats.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(Self.shown)
      .map { "\(NumberText.grouped($0.value)) \($0.key.isEmpty ? "without an ending" : $0.key)" }
    return "\(total) (\(endings.joined(separator: ", "))\(otherFormats.count > Self.shown ? ", ..." : ""))"
  }

  /// Nil for none.
  private static func counted(_ count: Int, _ one: String, _ many: String) -> String? {
    count > 0 ? "\(NumberText.grouped(count)) \(count == 1 ? one : many)" : nil
  }

  private static func text(_ paths: [String], _ one: String, _ many: String) -> String? {
    guard let total = counted(paths.count, one, many) else { return nil }
    let names = paths.prefix(shown).joined(separator: ", ") + (paths.count > shown ? ", ..." : "")
    return "\(total) (\(names))"
  }
}
