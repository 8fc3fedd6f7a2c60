import Int8Kernels
import Quant
import ViTLite

/// Loads models, with errors for the command line.
enum ModelFile {
  enum Kind {
    /// A checkpoint: a folder, or a `.safetensors` file.
    case float
    /// A GGUF file.
    case integer
  }

  /// What kind of model a path holds, by the file's first bytes, or its name when it is too short to tell.
  static func kind(of path: String) throws(CommandError) -> Kind {
    switch FileKind(of: path) {
    case nil:
      throw .input(
        "no such model, \(path), expected an int8 .gguf, a folder with config.json and model.safetensors, "
          + "or a .safetensors file beside its config.json")
    case .folder: return .float
    case .file, .other: break
    }
    let lowercased = path.lowercased()
    if lowercased.hasSuffix(".gguf") { return .integer }
    if lowercased.hasSuffix(".safetensors") { return .float }
    let file = try mapped(path)
    let isGGUF = file.withBytes { bytes in
      bytes.byteCount >= 4 && bytes.extracting(0..<4).copied() == Array("GGUF".utf8)
    }
    guard isGGUF else { throw .input("a file of unknown kind, \(path), expected a .gguf or a .safetensors model") }
    return .integer
  }

  /// - Parameter size: to run at; nil for the model's own.
  static func loadFloat(_ path: String, size: (height: Int, width: Int)? = nil) throws(CommandError) -> Checkpoint {
    guard try kind(of: path) == .float else {
      throw .input("an int8 model, \(path), expected a float one: a folder or a .safetensors file")
    }
    do { return try Checkpoint.load(path: path, imageSize: size) } catch {
      throw .input(located(error.description, path))
    }
  }

  /// Loads an int8 model, and checks every byte of its file.
  ///
  /// - Parameters:
  ///   - verifies: whether the checksums are checked; the structure always is.
  ///   - keepsPages: whether the file may stay in memory.
  static func loadInteger(
    _ path: String, verifies: Bool = true, keepsPages: Bool = true
  ) throws(CommandError) -> IntegerModel {
    guard try kind(of: path) == .integer else {
      throw .input("a float model, \(path), expected an int8 .gguf; \"vit-quant calibrate\" makes one")
    }
    do {
      let model = try IntegerModel(path: path)
      if verifies { try model.verifyChecksums(keepsPages: keepsPages) }
      return model
    } catch {
      throw .input(located(error.description, path))
    }
  }

  /// The bytes of a file.
  static func mapped(_ path: String) throws(CommandError) -> MappedFile {
    do { return try MappedFile(path: path) } catch { throw .input("\(error)") }
  }

  /// The message with the file that it is about, unless it names it already.
  static func located(_ message: String, _ path: String) -> String {
    message.contains(path) ? message : "\(message), \(path)"
  }
}
