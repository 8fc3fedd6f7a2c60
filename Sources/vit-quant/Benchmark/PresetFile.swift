import Int8Kernels
import LibC
import Quant
import ViTLite

/// An int8 model of random weights in a temporary file, which goes away with this object.
///
/// Another process makes it, because calibration needs far more memory than the inference to be measured, and would set
/// the peak of this process.
final class PresetFile {
  let path: String
  /// So that a signal leaves no file behind.
  private let entry: UnfinishedFiles.Entry

  init(_ preset: Preset, console: Console) throws(CommandError) {
    let folder = Environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = Array("\(folder)/vit-quant-XXXXXX".utf8CString)
    let (descriptor, entry) = UnfinishedFiles.change { () -> (Int32, UnfinishedFiles.Entry?) in
      let descriptor = mkstemp(&template)
      guard descriptor >= 0 else { return (-1, nil) }
      let name = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return (descriptor, UnfinishedFiles.add(folder: AT_FDCWD, name: name))
    }
    guard let entry else {
      throw .input("cannot make a file: \(systemErrorText(errno)), \(folder), expected TMPDIR to name a usable folder")
    }
    _ = close(descriptor)
    self.entry = entry
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    console.note("making \(preset.rawValue) with random weights")
    let status = try Self.run([
      "calibrate", "--preset", preset.rawValue, "--no-smoothing", "--samples", "1", "--output", path, "--quiet",
    ])
    guard status == 0 else {
      throw .input("the calibration of \(preset.rawValue) ended with status \(status), \(path), expected 0")
    }
  }

  deinit {
    UnfinishedFiles.change {
      unlink(path)
      UnfinishedFiles.remove(entry)
    }
  }

  /// Runs this program with other arguments and waits for it; its standard output goes nowhere.
  private static func run(_ arguments: [String]) throws(CommandError) -> Int32 {
    guard let program = BundledData.executablePath else {
      throw .input("the program does not know its own path, on this system, expected bench MODEL instead")
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var child = pid_t()
    let code = posix_spawn(&child, program, &actions, nil, words, environ)
    guard code == 0 else {
      throw .input("cannot start \(program): \(systemErrorText(code)), expected it to be executable")
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { return -1 }
    }
    // The status of a process that ended by itself is in bits 8 to 15; one that a signal ended has bits below set.
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
  }
}
