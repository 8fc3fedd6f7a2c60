import Quant
import ViTLite

/// A text output of a command: opened before any work, complete or absent after it.
struct OutputText: ~Copyable {
  /// Nil when the output was not asked for.
  private var file: AtomicFile?

  init(path: String?) throws(CommandError) {
    guard let path else {
      file = nil
      return
    }
    file = try Self.open(path)
  }

  static func open(_ path: String) throws(CommandError) -> AtomicFile {
    do throws(FileError) { return try AtomicFile(path: path) } catch { throw .input("\(error)") }
  }

  /// Writes a text as UTF-8; on a full disk this fails, rather than `commit`.
  mutating func append(_ text: String) throws(CommandError) {
    do throws(FileError) { try file?.append(Array(text.utf8)) } catch { throw .input("\(error)") }
  }

  /// Puts the file in its place.
  consuming func commit() throws(CommandError) {
    do throws(FileError) { try file.take()?.commit() } catch { throw .input("\(error)") }
  }
}
