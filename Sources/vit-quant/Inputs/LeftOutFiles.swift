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

  mutating func addOtherFormat(_ name: String) {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    let ending = parts.count > 1 ? ".\(parts[parts.count - 1].lowercased())" : ""
    otherFormats[ending, default: 0] += 1
  }

  mutating func addBrokenLink(_ path: String) { brokenLinks.append(path) }
  mutating func addUndecodableName(_ path: String) { undecodableNames.append(path) }
  mutating func addSpecialFile(_ path: String) { specialFiles.append(path) }

  mutating func merge(_ other: LeftOutFiles) {
    otherFormats.merge(other.otherFormats, uniquingKeysWith: +)
    brokenLinks += other.brokenLinks
    undecodableNames += other.undecodableNames
    specialFiles += other.specialFiles
  }

  /// Tells on standard error: what may well have been meant as an image as a warning, other formats as a note.
  func report(_ console: Console) {
    let lost = [
      Self.text(brokenLinks, "link to nothing", "links to nothing"),
      Self.text(undecodableNames, "name that is not UTF-8", "names that are not UTF-8"),
      Self.text(specialFiles, "device or pipe", "devices or pipes"),
    ].compactMap { $0 }
    if !lost.isEmpty { Console.warn("left out: \(lost.joined(separator: "; "))") }
    let count = otherFormats.values.reduce(0, +)
    guard count > 0 else { return }
    let endings = otherFormats.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(Self.shown)
      .map { "\(NumberText.grouped($0.value)) \($0.key.isEmpty ? "without an ending" : $0.key)" }
    console.note(
      "left out: \(NumberText.grouped(count)) file\(count == 1 ? "" : "s") of other formats than PNG, JPEG, WebP, PPM and PGM "
        + "(\(endings.joined(separator: ", "))\(otherFormats.count > Self.shown ? ", ..." : ""))")
  }

  private static func text(_ paths: [String], _ one: String, _ many: String) -> String? {
    guard !paths.isEmpty else { return nil }
    let names = paths.prefix(shown).joined(separator: ", ") + (paths.count > shown ? ", ..." : "")
    return "\(NumberText.grouped(paths.count)) \(paths.count == 1 ? one : many) (\(names))"
  }
}
