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

  private static let float =
    "a folder with config.json and model.safetensors, or a .safetensors file beside its config.json"
  private static let integer = "an int8 model (.gguf); \"vit-quant calibrate\" makes one"

  /// What kind of model a path holds, by the file's first bytes, or its name where they say nothing.
  ///
  /// - Parameter wanted: the only kind that will do; nil for both.
  /// - Throws: `input` for what is no model, or one of another format, with what it is and how it becomes one.
  static func kind(of path: String, wanted: Kind? = nil) throws(CommandError) -> Kind {
    let valid =
      switch wanted {
      case .float: float
      case .integer: integer
      case nil: "an int8 .gguf, \(float)"
      }
    switch FileKind(of: path) {
    case nil: throw .input("no such model, \(path), expected \(valid)")
    case .folder: return .float
    case .file, .other: break
    }
    // An error of the system comes before a guess from the name.
    _ = try mapped(path)
    let format = FileFormat(path: path)
    let lowercased = path.lowercased()
    switch (format, format?.kind) {
    case (_, .gguf): return .integer
    case (_, .safetensors): return .float
    case (let format?, .image): throw .input("\(format.name), \(path), expected a model before the images: \(valid)")
    case (let format?, .other): throw .input("\(format.name), \(path), expected \(valid)")
    case (let format?, _):
      let advice = wanted == .integer ? valid : format.adviceForFloatModel(path)
      throw .input("\(format.name), \(path), expected \(advice)")
    case (nil, _) where lowercased.hasSuffix(".gguf"): return .integer
    case (nil, _) where lowercased.hasSuffix(".safetensors"): return .float
    case (nil, _): throw .input("a file of unknown kind, \(path), expected \(valid)")
    }
  }

  /// - Parameter size: to run at; nil for the model's own.
  static func loadFloat(_ path: String, size: (height: Int, width: Int)? = nil) throws(CommandError) -> Checkpoint {
    guard try kind(of: path, wanted: .float) == .float else {
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
    guard try kind(of: path, wanted: .integer) == .integer else {
      throw .input("a float model, \(path), expected \(integer)")
    }
    do {
      let model = try IntegerModel(path: path)
      if verifies { try model.verifyChecksums(keepsPages: keepsPages) }
      return model
    } catch {
      throw .input(located(error.description, path))
    }
  }

  /// Refuses what is certainly no int8 model: what is not there, a folder, or a file of another format. A damaged model
  /// passes, whatever its first bytes are.
  static func checkMayBeInteger(_ path: String) throws(CommandError) {
    switch FileKind(of: path) {
    case nil: throw .input("no such model, \(path), expected \(integer)")
    case .folder: throw .input("a folder, \(path), expected \(integer)")
    case .file, .other: _ = try mapped(path)
    }
    guard let format = FileFormat(path: path), format.kind != .gguf else { return }
    if path.lowercased().hasSuffix(".gguf"), [.other, .image].contains(format.kind) { return }
    throw .input("\(format.name), \(path), expected \(integer)")
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
