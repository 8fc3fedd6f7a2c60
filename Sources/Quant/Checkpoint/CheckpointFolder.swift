import Int8Kernels
import ViTLite

/// Where the weights and the configuration of a checkpoint are.
struct CheckpointFolder {
  /// Empty or with a slash at its end.
  let folder: String
  /// The file of the weights, or the index of several.
  let weights: String

  var isSharded: Bool { weights.hasSuffix(".json") }

  private static let weights = "model.safetensors"

  /// - Parameter path: a folder, or a `.safetensors` file.
  /// - Throws: when a folder has no weights that can be read, with what it has instead.
  init(path: String) throws(CheckpointError) {
    if FileKind(of: path) == .folder {
      folder = path.hasSuffix("/") ? path : path + "/"
      let (whole, index) = (folder + Self.weights, folder + Self.weights + ".index.json")
      if FileKind(of: whole) != nil {
        weights = whole
      } else if FileKind(of: index) != nil {
        weights = index
      } else {
        throw Self.missingWeights(in: folder)
      }
    } else {
      folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? ""
      weights = path
    }
  }

  /// `config.json`
  /// - Throws: when there is none.
  func configuration() throws(CheckpointError) -> String {
    let path = folder + "config.json"
    guard FileKind(of: path) != nil else {
      throw .foreign(
        "no config.json", path: folder.isEmpty ? "." : folder,
        expected: "the model's own beside its weights, as the Hugging Face Hub has it")
    }
    return path
  }

  // MARK: What is there instead

  private static func missingWeights(in folder: String) -> CheckpointError {
    let names = FolderNames.texts(in: folder).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    if names.contains("pytorch_model.bin.index.json") {
      return .foreign(
        "no \(weights) but a PyTorch checkpoint of several files", path: folder,
        expected: "\(weights) or its parts (save_pretrained of transformers writes them)")
    }
    let usual = ["pytorch_model.bin", "model.pth", "model.pt", "model.onnx"].filter(names.contains)
    let found = (usual + names).lazy.compactMap { name -> (name: String, format: FileFormat)? in
      guard let format = FileFormat(path: folder + name), format.isModel else { return nil }
      return (name, format)
    }.first
    guard let found else {
      return .foreign(
        "no \(weights)", path: folder, expected: "config.json and \(weights), as the Hugging Face Hub has them")
    }
    return .foreign(
      "no \(weights) but \(Quotation(found.name)), \(found.format.name)", path: folder,
      expected: advice(on: found.format, named: found.name))
  }

  /// What to do about a file that is no checkpoint of safetensors.
  static func advice(on format: FileFormat, named path: String) -> String {
    switch format.kind {
    case .safetensors: "its path instead of the folder's, or the name \(weights)"
    case .gguf: "a float model; an int8 one is given by the path of its .gguf, where one is wanted"
    case .pyTorch: "\(weights), which this makes: \(conversion(of: path))"
    case .onnx, .otherModel:
      "\(weights) and config.json of the PyTorch model that it was made from (save_pretrained writes both)"
    case .pointer: "the file that it stands for, which \"git lfs pull\" or \"hf download\" gets"
    case .image, .other: "a float model: a folder with config.json and \(weights), or a .safetensors file"
    }
  }

  /// A line for a shell. A name that a shell or Python might read as something else is not quoted in it.
  private static func conversion(of path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let isPlain = name.utf8.allSatisfy { byte in
      byte.isASCIILetterOrDigit || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
    }
    return "python3 -c 'import torch, safetensors.torch as s; w = torch.load(\"\(isPlain ? name : "FILE")\", "
      + "weights_only=True); s.save_file({k: v.contiguous().clone() for k, v in w.items()}, \"\(weights)\")'"
  }
}

extension FileFormat {
  /// What a command expects in place of a file of this format where it takes float models.
  package func adviceForFloatModel(_ path: String) -> String { CheckpointFolder.advice(on: self, named: path) }

  fileprivate var isModel: Bool {
    switch kind {
    case .gguf, .safetensors, .pyTorch, .onnx, .otherModel: true
    case .pointer, .image, .other: false
    }
  }
}

extension UInt8 {
  fileprivate var isASCIILetterOrDigit: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
  }
}
