import Int8Kernels
import LibC
import ViTLite

/// Writes a safetensors file whose tensors all have a row for each of many items, item by item: memory does not grow
/// with their number.
///
///     var writer = try SafetensorsRowWriter(path: "out.safetensors")
///     try writer.declare([.init(name: "logits", type: .float32, shape: [10])], rows: images.count)
///     for image in images { try writer.append([logits(image)]) }
///     try writer.commit()
///
/// The file's layout is known from the start, and each row is written to its place. Where there are no places, as in a
/// pipe, a temporary file is filled first.
package struct SafetensorsRowWriter: ~Copyable {
  /// Bytes that are moved or copied at a time.
  private static let chunk = 1 << 20

  private var output: AtomicFile
  /// Where rows go when the output has no places.
  private let spool: AtomicFile?
  private var layout = SafetensorsLayout([])
  /// Of one row.
  private var tensors: [SafetensorsDeclaration] = []
  private var declaredRows = 0
  /// Rows appended so far.
  package private(set) var rows = 0

  /// Opens the output; what is wrong with its path is found before any work.
  package init(path: String) throws(SafetensorsError) {
    let file = try Self.open { () throws(FileError) in try AtomicFile(path: path) }
    spool = file.isInPlace ? try Self.open(AtomicFile.scratch) : nil
    output = file
  }

  private static func open(_ body: () throws(FileError) -> AtomicFile) throws(SafetensorsError) -> AtomicFile {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }

  /// Says what each row holds, before the first.
  ///
  /// - Parameters:
  ///   - tensors: with the shape of one row.
  ///   - rows: how many there are at most.
  package mutating func declare(_ tensors: [SafetensorsDeclaration], rows: Int) throws(SafetensorsError) {
    self.tensors = tensors
    declaredRows = rows
    layout = Self.layout(tensors, rows: rows)
    try write(layout.header, at: 0)
  }

  private static func layout(_ tensors: [SafetensorsDeclaration], rows: Int) -> SafetensorsLayout {
    SafetensorsLayout(
      tensors.map { SafetensorsDeclaration(name: $0.name, type: $0.type, shape: [rows] + $0.shape) })
  }

  /// Appends the row of each tensor, in the order of the declarations.
  /// - Precondition: as many rows as declared at most, each as long as its declaration says.
  package mutating func append(_ values: [[Float]]) throws(SafetensorsError) {
    precondition(values.count == tensors.count && rows < declaredRows, "a row as declared")
    for index in tensors.indices {
      precondition(4 * values[index].count == tensors[index].byteCount, "a row as declared")
      let bytes = LittleEndian.bytes(of: values[index].map(\.bitPattern))
      try write(bytes, at: layout.starts[index] + rows * tensors[index].byteCount)
    }
    rows += 1
  }

  /// Puts the file in its place, with as many rows as were appended.
  package consuming func commit() throws(SafetensorsError) {
    if rows < declaredRows { try removeMissingRows() }
    do throws(FileError) {
      if spool != nil { try copySpool(layout.count) }
      try output.commit()
    } catch { throw .file(error) }
  }

  /// Moves the tensors together. The header keeps its length, so that every tensor moves down or stays.
  private mutating func removeMissingRows() throws(SafetensorsError) {
    let old = layout
    layout = Self.layout(tensors, rows: rows)
    layout.lengthenHeader(to: old.header.count)
    for index in tensors.indices {
      let length = rows * tensors[index].byteCount
      for offset in stride(from: 0, to: length, by: Self.chunk) {
        let bytes = try read(min(Self.chunk, length - offset), at: old.starts[index] + offset)
        try write(bytes, at: layout.starts[index] + offset)
      }
    }
    try write(layout.header, at: 0)
    do throws(FileError) {
      if spool == nil { try output.resize(to: layout.count) }
    } catch { throw .file(error) }
  }

  private mutating func copySpool(_ length: Int) throws(FileError) {
    for offset in stride(from: 0, to: length, by: Self.chunk) {
      guard let bytes = try spool?.read(min(Self.chunk, length - offset), at: offset) else { return }
      try output.append(bytes)
    }
  }

  private func write(_ bytes: [UInt8], at offset: Int) throws(SafetensorsError) {
    do throws(FileError) {
      if spool == nil { try output.write(bytes, at: offset) } else { try spool?.write(bytes, at: offset) }
    } catch { throw .file(error) }
  }

  private func read(_ count: Int, at offset: Int) throws(SafetensorsError) -> [UInt8] {
    do throws(FileError) {
      if let bytes = try spool?.read(count, at: offset) { return bytes }
      return try output.read(count, at: offset)
    } catch { throw .file(error) }
  }
}
