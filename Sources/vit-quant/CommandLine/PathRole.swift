import LibC
import Quant

/// What a command does with a path that it is given.
enum PathRole: Sendable {
  /// Writes a file there.
  case output
  /// Reads that file.
  case file
  /// Reads a model: a file and the configuration beside it, or a folder with both.
  case model
  /// Reads images: one, a folder of them, or a `.safetensors`; `-` is standard input.
  case images
}

/// A path of a command line, and what it was given as: `--output`, `MODEL`.
struct NamedPath: Sendable {
  let name: String
  let path: String
  let role: PathRole
}

/// Refuses an output that is also an input or another output: to write it would destroy what is read.
enum OutputConflict {
  /// - Throws: `usage`, before anything is read or written.
  static func check(_ paths: [NamedPath]) throws(CommandError) {
    var outputs: [(name: String, path: String, identity: FileIdentity)] = []
    if let identity = FileIdentity(descriptor: STDOUT_FILENO) { outputs.append(("standard output", "-", identity)) }
    for output in paths where output.role == .output && output.path != "-" {
      guard let identity = FileIdentity(path: output.path) else { continue }
      if let other = outputs.first(where: { $0.identity == identity }) {
        throw .usage(
          "\(output.name) is also \(other.name), \(output.path), expected a file of its own for each output")
      }
      outputs.append((output.name, output.path, identity))
    }
    // A file that does not exist yet is no input.
    outputs.removeAll { !$0.identity.exists }
    for input in paths where input.role != .output && !outputs.isEmpty {
      try forEachFile(of: input) { (path, identity) throws(CommandError) in
        guard let output = outputs.first(where: { $0.identity == identity }) else { return }
        let what = path == input.path ? "" : " (\(path))"
        throw .usage("\(output.name) is also \(input.name)\(what), \(output.path), expected an output that is no input")
      }
    }
  }

  private static func forEachFile(
    of input: NamedPath, _ body: (String, FileIdentity) throws(CommandError) -> Void
  ) throws(CommandError) {
    if input.path == "-", input.role == .images {
      if let identity = FileIdentity(descriptor: STDIN_FILENO) { try body("standard input", identity) }
      return
    }
    var paths = [input.path]
    switch (input.role, FileKind(of: input.path)) {
    case (.model, .folder):
      paths = FolderNames.texts(in: input.path).filter { $0.hasSuffix(".safetensors") || $0.hasSuffix(".json") }
        .map { Folder.join(input.path, $0) }
    case (.model, .file) where !input.path.hasSuffix(".gguf"):
      let folder = input.path.lastIndex(of: "/").map { String(input.path[...$0]) } ?? "."
      paths += ["config.json", "preprocessor_config.json"].map { Folder.join(folder, $0) }
    case (.images, .folder):
      // What cannot be listed is an error where it is read.
      let listed = try? Folder.images(under: input.path)
      paths = (listed?.paths ?? []) + [Folder.join(input.path, "labels.csv")]
    default: break
    }
    for path in paths {
      if let identity = FileIdentity(path: path), identity.exists { try body(path, identity) }
    }
  }
}
