import Int8Kernels
import ViTLite

/// The tensors of a checkpoint by name, from one safetensors file or several, each checked for its shape when read.
struct TensorStore {
  /// The file, or the index of the files: what messages name.
  let path: String
  private let files: [SafetensorsFile]
  /// By the bytes of the tensors' names: those of hostile files take long to compare as strings.
  private let fileByTensor: [[UInt8]: Int]
  private var used: Set<[UInt8]> = []

  init(_ place: CheckpointFolder) throws(CheckpointError) {
    if place.isSharded {
      try self.init(index: place.weights, folder: place.folder)
    } else {
      try self.init(file: place.weights)
    }
  }

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
    var known: Set<[UInt8]> = []
    for member in members {
      guard let name = member.value.string, (1...255).contains(name.utf8.count),
        !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.elementsEqual("..".utf8)
      else {
        throw .index(
          "a file for tensor \(Quotation(member.key)) that is no name of a file beside the index", path: path)
      }
      if known.insert(Array(name.utf8)).inserted { names.append(name) }
      guard names.count <= 1024 else { throw .index("more than 1024 files in \"weight_map\"", path: path) }
    }
    var files: [SafetensorsFile] = []
    for name in names { files.append(try Self.open(folder + name)) }
    try self.init(path: path, files: files)
    for member in members where !contains(member.key) {
      throw .missingTensor(name: member.key, path: path)
    }
  }

  private init(path: String, files: [SafetensorsFile]) throws(CheckpointError) {
    var fileByTensor: [[UInt8]: Int] = [:]
    for (index, file) in files.enumerated() {
      for tensor in file.header.tensors where fileByTensor.updateValue(index, forKey: Array(tensor.name.utf8)) != nil {
        throw .index("tensor \(Quotation(tensor.name)) in two files, expected it in one", path: path)
      }
    }
    self.path = path
    self.files = files
    self.fileByTensor = fileByTensor
  }

  private static func open(_ path: String) throws(CheckpointError) -> SafetensorsFile {
    if let format = FileFormat(path: path), format.kind != .safetensors {
      throw .foreign(format.name, path: path, expected: CheckpointFolder.advice(on: format, named: path))
    }
    do {
      return try SafetensorsFile(path: path)
    } catch {
      if case .file(let error) = error { throw .configuration(.file(error)) }
      throw .safetensors(error, path: path)
    }
  }

  /// The files, in order.
  var paths: [String] { files.map(\.path) }

  func shape(_ name: String) -> [Int]? {
    fileByTensor[Array(name.utf8)].flatMap { files[$0][name]?.shape }
  }

  func contains(_ name: String) -> Bool { fileByTensor[Array(name.utf8)] != nil }

  /// The elements of a tensor that must have one of these shapes; all finite.
  mutating func floats(_ name: String, shape: [Int]...) throws(CheckpointError) -> [Float] {
    guard let index = fileByTensor[Array(name.utf8)], let found = files[index][name]?.shape else {
      throw .missingTensor(name: name, path: path)
    }
    guard shape.contains(found) else {
      throw .wrongShape(name: name, found: found, expected: shape.first ?? [], path: files[index].path)
    }
    used.insert(Array(name.utf8))
    do {
      return try files[index].finiteFloats(name)
    } catch {
      throw .safetensors(error, path: files[index].path)
    }
  }

  /// The first tensor, by name, that has numbers which nothing has read and that `isIgnored` does not excuse. DINOv3
  /// without registers has a tensor of none.
  func firstUnused(isIgnored: (String) -> Bool) -> String? {
    let unused = fileByTensor.keys.filter { !used.contains($0) }.sorted { $0.lexicographicallyPrecedes($1) }
    return unused.lazy.map { String(decoding: $0, as: UTF8.self) }
      .first { name in !isIgnored(name) && shape(name)?.contains(0) != true }
  }
}
