import Int8Kernels
import ViTLite

/// The tensors of a checkpoint by name, from one safetensors file or several, each checked for its shape when read.
struct TensorStore {
  /// The file, or the index of the files: what messages name.
  let path: String
  private let files: [SafetensorsFile]
  private let fileByTensor: [String: Int]
  private var used: Set<String> = []

  /// One file.
  init(file path: String) throws(CheckpointError) {
    try self.init(path: path, files: [Self.open(path)])
  }

  /// The files that the `weight_map` of `model.safetensors.index.json` names; they lie beside it.
  init(index path: String, folder: String) throws(CheckpointError) {
    let index: ConfigurationFile
    do { index = try ConfigurationFile(path: path) } catch { throw .configuration(error) }
    guard let members = index["weight_map"]?.members, !members.isEmpty else {
      throw .index("no \"weight_map\" object with the files of the tensors", path: path)
    }
    var names: [String] = []
    for member in members {
      guard let name = member.value.string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")), name != ".." else {
        throw .index("a file for tensor \"\(member.key)\" that is no name of a file beside the index", path: path)
      }
      if !names.contains(name) { names.append(name) }
      guard names.count <= 1024 else { throw .index("more than 1024 files in \"weight_map\"", path: path) }
    }
    var files: [SafetensorsFile] = []
    for name in names { files.append(try Self.open("\(folder)/\(name)")) }
    try self.init(path: path, files: files)
    for member in members where fileByTensor[member.key] == nil {
      throw .missingTensor(name: member.key, path: path)
    }
  }

  private init(path: String, files: [SafetensorsFile]) throws(CheckpointError) {
    var fileByTensor: [String: Int] = [:]
    for (index, file) in files.enumerated() {
      for tensor in file.header.tensors where fileByTensor.updateValue(index, forKey: tensor.name) != nil {
        throw .index("tensor \"\(tensor.name)\" in two files, expected it in one", path: path)
      }
    }
    self.path = path
    self.files = files
    self.fileByTensor = fileByTensor
  }

  private static func open(_ path: String) throws(CheckpointError) -> SafetensorsFile {
    do {
      return try SafetensorsFile(path: path)
    } catch {
      if case .file(let error) = error { throw .configuration(.file(error)) }
      throw .safetensors(error, path: path)
    }
  }

  func shape(_ name: String) -> [Int]? {
    fileByTensor[name].flatMap { files[$0][name]?.shape }
  }

  func contains(_ name: String) -> Bool { fileByTensor[name] != nil }

  /// The elements of a tensor that must have one of these shapes; all finite.
  mutating func floats(_ name: String, shape: [Int]...) throws(CheckpointError) -> [Float] {
    guard let index = fileByTensor[name], let found = files[index][name]?.shape else {
      throw .missingTensor(name: name, path: path)
    }
    guard shape.contains(found) else {
      throw .wrongShape(name: name, found: found, expected: shape.first ?? [], path: files[index].path)
    }
    used.insert(name)
    do {
      return try files[index].finiteFloats(name)
    } catch {
      throw .safetensors(error, path: files[index].path)
    }
  }

  /// The first tensor, by name, that nothing has read and that `isIgnored` does not excuse.
  func firstUnused(isIgnored: (String) -> Bool) -> String? {
    fileByTensor.keys.filter { !used.contains($0) && !isIgnored($0) }.min()
  }
}
