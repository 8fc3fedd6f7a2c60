import Int8Kernels
import ViTLite

/// Name, type and shape of a tensor to be written.
package struct SafetensorsDeclaration: Sendable, Equatable {
  package var name: String
  package var type: SafetensorsType
  package var shape: [Int]

  package init(name: String, type: SafetensorsType, shape: [Int]) {
    self.name = name
    self.type = type
    self.shape = shape
  }

  var byteCount: Int { shape.reduce(type.size, *) }
}

/// Writes a safetensors file that appears when it is complete. Tensors are declared first, then their data follow in
/// the order of declaration, in pieces of any size.
///
///     var writer = try SafetensorsWriter(
///       path: "out.safetensors", tensors: [.init(name: "logits", type: .float32, shape: [1, 10])])
///     try writer.append(logits)
///     try writer.commit()
package struct SafetensorsWriter: ~Copyable {
  private var file: AtomicFile
  private let expectedSize: Int

  package init(path: String, tensors: [SafetensorsDeclaration]) throws(SafetensorsError) {
    let layout = SafetensorsLayout(tensors)
    expectedSize = layout.count
    file = try Self.create(path, beginningWith: layout.header)
  }

  private static func create(
    _ path: String, beginningWith header: [UInt8]
  ) throws(SafetensorsError) -> AtomicFile {
    do {
      var file = try AtomicFile(path: path)
      try file.append(header)
      return file
    } catch { throw .file(error) }
  }

  /// Appends bytes of the tensors' data.
  package mutating func append(_ bytes: [UInt8]) throws(SafetensorsError) {
    do { try file.append(bytes) } catch { throw .file(error) }
  }

  /// Appends floats, for a tensor of F32.
  package mutating func append(_ values: [Float]) throws(SafetensorsError) {
    try append(LittleEndian.bytes(of: values.map(\.bitPattern)))
  }

  /// Puts the file in its place.
  /// - Precondition: just as many bytes were appended as the declarations say.
  package consuming func commit() throws(SafetensorsError) {
    precondition(file.count == expectedSize, "the data must be as long as the declarations say")
    do { try file.commit() } catch { throw .file(error) }
  }
}
