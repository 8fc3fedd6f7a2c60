import Int8Kernels
import ViTLite

/// An open safetensors file; tensors are converted when they are asked for.
///
///     let file = try SafetensorsFile(path: "io.safetensors")
///     let pixels = try file.floats("pixel_values")       // shape: file["pixel_values"]?.shape
package final class SafetensorsFile: Sendable {
  package let header: SafetensorsHeader
  private let file: MappedFile

  /// Maps a file and checks its header.
  package init(path: String) throws(SafetensorsError) {
    do { file = try MappedFile(path: path) } catch { throw .file(error) }
    header = try file.withBytes { (bytes) throws(SafetensorsError) in try SafetensorsHeader(parsing: bytes) }
  }

  package var path: String { file.path }

  package subscript(name: String) -> SafetensorsEntry? { header[name] }

  /// Calls `body` with the stored bytes of a tensor.
  package func withBytes<Result>(
    _ name: String, _ body: (SafetensorsEntry, RawSpan) throws(SafetensorsError) -> Result
  ) throws(SafetensorsError) -> Result {
    guard let entry = header[name] else { throw .missingTensor(name: name) }
    return try file.withBytes { (bytes) throws(SafetensorsError) in
      try body(entry, bytes.extracting(entry.range))
    }
  }

  /// A copy of a part of a tensor's stored bytes. It is read from the file: through the mapping, large pieces of the file
  /// would come into memory, and stay.
  ///
  /// - Precondition: `part` is within the tensor's bytes.
  package func bytes(_ name: String, _ part: Range<Int>) throws(SafetensorsError) -> [UInt8] {
    guard let entry = header[name] else { throw .missingTensor(name: name) }
    precondition(part.lowerBound >= 0 && part.upperBound <= entry.range.count, "a part of the tensor")
    let start = entry.range.lowerBound
    do { return try file.bytes(in: start + part.lowerBound..<start + part.upperBound) } catch { throw .file(error) }
  }

  /// Takes what was read of the file out of memory; it is read again where it is needed.
  package func releasePages() { file.releasePages() }

  /// A tensor of F64, F32, F16 or BF16 as floats, in the order of storage (row-major).
  package func floats(_ name: String) throws(SafetensorsError) -> [Float] {
    try withBytes(name) { (entry, bytes) throws(SafetensorsError) in
      guard let type = entry.type, let values = FloatConversion.floats(bytes, type: type) else {
        throw .unsupportedType(name: name, found: entry.typeName, valid: "F64, F32, F16 or BF16")
      }
      return values
    }
  }

  /// As `floats`, and throws `notFinite` when a NaN or an infinity is among them.
  package func finiteFloats(_ name: String) throws(SafetensorsError) -> [Float] {
    let values = try floats(name)
    if let element = FloatConversion.firstNotFinite(values) {
      throw .notFinite(name: name, element: element, value: values[element])
    }
    return values
  }

  /// A tensor of any integer type or BOOL.
  package func integers(_ name: String) throws(SafetensorsError) -> [Int] {
    try withBytes(name) { (entry, bytes) throws(SafetensorsError) in
      let values: [Int]? =
        switch entry.type {
        case .int64: Self.integers(bytes, Int64.self)
        case .int32: Self.integers(bytes, Int32.self)
        case .int16: Self.integers(bytes, Int16.self)
        case .int8: Self.integers(bytes, Int8.self)
        case .uint64: Self.integers(bytes, UInt64.self)
        case .uint32: Self.integers(bytes, UInt32.self)
        case .uint16: Self.integers(bytes, UInt16.self)
        case .uint8, .bool: Self.integers(bytes, UInt8.self)
        default: nil
        }
      guard let values else {
        let valid = "an integer type (I64, I32, I16, I8, U64, U32, U16, U8, BOOL) with values within 64 bits"
        throw .unsupportedType(name: name, found: entry.typeName, valid: valid)
      }
      return values
    }
  }

  /// Nil when a value does not fit `Int`.
  private static func integers<Stored: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: RawSpan, _ type: Stored.Type
  ) -> [Int]? {
    var values: [Int] = []
    values.reserveCapacity(bytes.byteCount / MemoryLayout<Stored>.size)
    var offset = 0
    while let stored = bytes.littleEndian(at: offset, as: Stored.self) {
      guard let value = Int(exactly: stored) else { return nil }
      values.append(value)
      offset += MemoryLayout<Stored>.size
    }
    return values
  }
}
