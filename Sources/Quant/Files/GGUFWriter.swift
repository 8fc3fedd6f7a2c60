import Int8Kernels
import ViTLite

/// Collects the metadata and the tensors of a GGUF file and writes it, the metadata first, then the tensors in order.
///
///     var writer = GGUFWriter()
///     writer.set("general.architecture", .string("vit"))
///     writer.add("head.weight", .int8, dimensions: [64, 10], bytes: weights)
///     let bytes = writer.serialized()
package struct GGUFWriter: Sendable {
  private struct Tensor: Sendable {
    var name: String
    var type: GGUF.TensorType
    var dimensions: [Int]
    var bytes: [UInt8]
    var offset: Int
  }

  package let alignment: Int
  private var metadata: [(key: String, value: GGUFValue)] = []
  private var indexByKey: [String: Int] = [:]
  private var tensors: [Tensor] = []
  private var names: Set<String> = []
  private var dataSize = 0
  private var headerChecksumKey: String?

  /// A writer whose tensors begin at multiples of `alignment`, a power of two; the file's first key says so.
  package init(alignment: Int = 64) {
    precondition(alignment > 0 && alignment & (alignment - 1) == 0, "an alignment must be a power of two")
    self.alignment = alignment
    set("general.alignment", .uint32(UInt32(alignment)))
  }

  /// Adds a key, or replaces its value.
  package mutating func set(_ key: String, _ value: GGUFValue) {
    if let index = indexByKey[key] {
      metadata[index].value = value
    } else {
      indexByKey[key] = metadata.count
      metadata.append((key, value))
    }
  }

  /// Adds a tensor.
  /// - Parameters:
  ///   - dimensions: 1 to 4, in ggml's order: the dimension whose elements are adjacent comes first.
  ///   - bytes: the elements, little-endian.
  /// - Precondition: the name is new, and there are just as many bytes as type and dimensions say.
  package mutating func add(_ name: String, _ type: GGUF.TensorType, dimensions: [Int], bytes: [UInt8]) {
    precondition((1...GGUF.maximumDimensions).contains(dimensions.count), "a tensor has 1 to 4 dimensions")
    precondition(bytes.count == dimensions.reduce(type.size, *), "the bytes must be those of the dimensions")
    precondition(names.insert(name).inserted, "each tensor has a name of its own")
    tensors.append(Tensor(name: name, type: type, dimensions: dimensions, bytes: bytes, offset: dataSize))
    dataSize = aligned(dataSize + bytes.count)
  }

  /// Adds a tensor of I8.
  package mutating func add(_ name: String, dimensions: [Int], values: [Int8]) {
    add(name, .int8, dimensions: dimensions, bytes: values.map { UInt8(bitPattern: $0) })
  }

  /// Adds a tensor of I16.
  package mutating func add(_ name: String, dimensions: [Int], values: [Int16]) {
    add(name, .int16, dimensions: dimensions, bytes: LittleEndian.bytes(of: values))
  }

  /// Adds a tensor of I32.
  package mutating func add(_ name: String, dimensions: [Int], values: [Int32]) {
    add(name, .int32, dimensions: dimensions, bytes: LittleEndian.bytes(of: values))
  }

  /// The CRC-32 of each tensor's bytes, in order.
  package var tensorChecksums: [UInt32] {
    tensors.map { unsafe CRC32.checksum(of: $0.bytes.span.bytes) }
  }

  private func aligned(_ size: Int) -> Int { (size + alignment - 1) & ~(alignment - 1) }

  /// Adds a key whose value is the CRC-32 of everything before the tensors' data but the value's own four bytes.
  package mutating func setHeaderChecksum(_ key: String) {
    set(key, .uint32(0))
    headerChecksumKey = key
  }

  /// Everything before the tensors' data, padding included.
  private var header: [UInt8] {
    var bytes = GGUFBytes()
    var checksumEnd: Int?
    bytes.append(GGUF.magic)
    bytes.append(GGUF.version)
    bytes.append(UInt64(tensors.count))
    bytes.append(UInt64(metadata.count))
    for (key, value) in metadata {
      bytes.append(key)
      bytes.append(value)
      if key == headerChecksumKey { checksumEnd = bytes.content.count }
    }
    for tensor in tensors {
      bytes.append(tensor.name)
      bytes.append(UInt32(tensor.dimensions.count))
      for extent in tensor.dimensions { bytes.append(UInt64(extent)) }
      bytes.append(tensor.type.rawValue)
      bytes.append(UInt64(tensor.offset))
    }
    let padding = aligned(bytes.content.count) - bytes.content.count
    var header = bytes.content + [UInt8](repeating: 0, count: padding)
    guard let checksumEnd else { return header }
    let checksum = Self.checksum(of: header, without: checksumEnd - 4..<checksumEnd)
    header.replaceSubrange(checksumEnd - 4..<checksumEnd, with: LittleEndian.bytes(of: [checksum]))
    return header
  }

  private static func checksum(of bytes: [UInt8], without place: Range<Int>) -> UInt32 {
    var checksum = CRC32()
    unsafe checksum.update(bytes.span.bytes.extracting(0..<place.lowerBound))
    unsafe checksum.update(bytes.span.bytes.extracting(place.upperBound..<bytes.count))
    return checksum.value
  }

  private func padding(after tensor: Tensor) -> [UInt8] {
    [UInt8](repeating: 0, count: aligned(tensor.bytes.count) - tensor.bytes.count)
  }

  /// The whole file.
  package func serialized() -> [UInt8] {
    var file = header
    file.reserveCapacity(file.count + dataSize)
    for tensor in tensors {
      file += tensor.bytes
      file += padding(after: tensor)
    }
    return file
  }

  /// Appends the whole file to one that is being written.
  func append(to file: inout AtomicFile) throws(FileError) {
    try file.append(header)
    for tensor in tensors {
      try file.append(tensor.bytes)
      try file.append(padding(after: tensor))
    }
  }
}

/// Growing bytes, in the encoding of GGUF.
private struct GGUFBytes {
  var content: [UInt8] = []

  mutating func append<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer) {
    content += LittleEndian.bytes(of: [value])
  }

  mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    content += Array(text.utf8)
  }

  mutating func append(_ value: GGUFValue) {
    if value.isArray { append(GGUF.ValueType.array.rawValue) }
    append(value.elementType.rawValue)
    switch value.storage {
    case .unsigned(let values): append(elements: values, type: value.elementType, isArray: value.isArray)
    case .signed(let values):
      append(elements: values.map { UInt64(bitPattern: $0) }, type: value.elementType, isArray: value.isArray)
    case .floating(let values):
      let bits = values.map { value.elementType == .float32 ? UInt64(Float($0).bitPattern) : $0.bitPattern }
      append(elements: bits, type: value.elementType, isArray: value.isArray)
    case .bools(let values):
      append(elements: values.map { $0 ? 1 : 0 }, type: value.elementType, isArray: value.isArray)
    case .strings(let values):
      if value.isArray { append(UInt64(values.count)) }
      for text in values { append(text) }
    }
  }

  /// The low bytes of each element, as many as the type has.
  private mutating func append(elements: [UInt64], type: GGUF.ValueType, isArray: Bool) {
    if isArray { append(UInt64(elements.count)) }
    for element in elements {
      content += LittleEndian.bytes(of: [element]).prefix(type.minimumSize)
    }
  }
}
