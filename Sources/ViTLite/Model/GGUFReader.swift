/// The metadata and the table of tensors of a GGUF file, from its bytes: of a file in memory, of a mapped one, or of
/// flash. Nothing here calls the operating system, and the tensors' bytes are not touched.
package struct GGUFReader: Sendable {
  /// Key-value pairs in the order of the file.
  package let metadata: [(key: String, value: GGUFValue)]
  /// In the order of the file's table.
  package let tensors: [GGUF.Tensor]
  package let alignment: Int
  /// Offset in the file where the tensors' data begin.
  package let dataOffset: Int
  /// Offset in the file behind each value, in the order of `metadata`.
  private let valueEnds: [Int]
  private let indexByKey: [String: Int]
  private let indexByTensor: [String: Int]

  /// Reads everything before the tensors' data, and checks that each tensor is aligned, lies within the file and does
  /// not overlap another.
  package init(parsing file: RawSpan) throws(GGUFError) {
    var cursor = GGUFCursor()
    let magic: UInt32 = try cursor.integer(in: file, "the magic number")
    guard magic == GGUF.magic else { throw .notGGUF(magic: magic) }
    let version: UInt32 = try cursor.integer(in: file, "the version")
    guard version == GGUF.version else { throw .unsupportedVersion(version) }
    let tensorCount = try cursor.count(in: file, "the number of tensors", maximum: GGUF.maximumTensors)
    let keyCount = try cursor.count(in: file, "the number of metadata keys", maximum: GGUF.maximumKeys)

    var metadata: [(key: String, value: GGUFValue)] = []
    var indexByKey: [String: Int] = [:]
    var valueEnds: [Int] = []
    for index in 0..<keyCount {
      let key = try cursor.name(in: file, "a metadata key")
      guard indexByKey.updateValue(index, forKey: key) == nil else { throw .duplicate(what: "key", name: key) }
      metadata.append((key, try cursor.value(in: file, key: key)))
      valueEnds.append(cursor.offset)
      guard cursor.offset <= GGUF.maximumMetadataBytes else {
        throw .limit(
          what: "bytes of metadata", found: UInt64(cursor.offset), maximum: GGUF.maximumMetadataBytes,
          offset: cursor.offset)
      }
    }
    self.metadata = metadata
    self.valueEnds = valueEnds
    self.indexByKey = indexByKey
    alignment = try Self.alignment(indexByKey["general.alignment"].map { metadata[$0].value })

    var table: [TensorRecord] = []
    var indexByTensor: [String: Int] = [:]
    for index in 0..<tensorCount {
      let record = try cursor.tensorRecord(in: file)
      guard indexByTensor.updateValue(index, forKey: record.name) == nil else {
        throw .duplicate(what: "tensor", name: record.name)
      }
      table.append(record)
    }
    self.indexByTensor = indexByTensor
    // No overflow: the cursor is at most the size of the file, the alignment at most 2^20.
    let dataOffset = (cursor.offset + alignment - 1) / alignment * alignment
    self.dataOffset = dataOffset
    tensors = try Self.place(table, dataOffset: dataOffset, alignment: alignment, fileSize: file.byteCount)
  }

  private static func alignment(_ value: GGUFValue?) throws(GGUFError) -> Int {
    guard let value else { return GGUF.defaultAlignment }
    let key = "general.alignment"
    guard !value.isArray, let found = value.integers?.first else {
      throw .wrongType(key: key, found: value.typeName, expected: "an integer")
    }
    guard let alignment = Int(exactly: found), alignment > 0, alignment & (alignment - 1) == 0,
      alignment <= GGUF.maximumAlignment
    else {
      throw .malformedValue(
        key: key, problem: "alignment \(found), expected a power of two up to \(GGUF.maximumAlignment)")
    }
    return alignment
  }

  /// Turns offsets within the data into ranges of the file, and checks them.
  private static func place(
    _ table: [TensorRecord], dataOffset: Int, alignment: Int, fileSize: Int
  ) throws(GGUFError) -> [GGUF.Tensor] {
    var tensors: [GGUF.Tensor] = []
    for record in table {
      guard record.offset % UInt64(alignment) == 0 else {
        throw .malformedTensor(
          name: record.name, problem: "data offset \(record.offset), expected a multiple of \(alignment)")
      }
      guard let offset = Int(exactly: record.offset), offset <= fileSize, dataOffset <= fileSize - offset,
        record.byteCount <= fileSize - offset - dataOffset
      else {
        throw .malformedTensor(
          name: record.name,
          problem: "\(record.byteCount) bytes at data offset \(record.offset), expected them within the file, whose "
            + "data are \(max(0, fileSize - dataOffset)) bytes")
      }
      let start = dataOffset + offset
      tensors.append(
        GGUF.Tensor(
          name: record.name, type: record.type, dimensions: record.dimensions, range: start..<start + record.byteCount))
    }
    let ordered = tensors.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    for (tensor, next) in zip(ordered, ordered.dropFirst()) where tensor.range.upperBound > next.range.lowerBound {
      throw .malformedTensor(
        name: next.name,
        problem: "data that overlap those of \"\(tensor.name)\", expected them at file offset "
          + "\(tensor.range.upperBound) or beyond")
    }
    return tensors
  }

  /// The tensor of a name.
  package func tensor(_ name: String) throws(GGUFError) -> GGUF.Tensor {
    guard let index = indexByTensor[name] else { throw .missingTensor(name) }
    return tensors[index]
  }

  package func hasTensor(_ name: String) -> Bool { indexByTensor[name] != nil }

  /// The metadata value of a key; nil when there is none.
  package subscript(key: String) -> GGUFValue? {
    indexByKey[key].map { metadata[$0].value }
  }

  /// Where the file has the bytes of a single number of 32 bits; nil where the key is absent or has another value.
  package func placeOfUInt32(_ key: String) -> Range<Int>? {
    guard let index = indexByKey[key], metadata[index].value.elementType == .uint32, !metadata[index].value.isArray
    else { return nil }
    return valueEnds[index] - 4..<valueEnds[index]
  }
}

/// A tensor as the file's table describes it.
struct TensorRecord {
  var name: String
  var type: GGUF.TensorType
  var dimensions: [Int]
  var byteCount: Int
  /// From the start of the data.
  var offset: UInt64
}

/// A position in a GGUF file. Each reading function moves it past what it returns, and throws where the file ends.
struct GGUFCursor {
  private(set) var offset = 0

  mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    in file: RawSpan, _ what: String
  ) throws(GGUFError) -> Integer {
    guard let value = file.littleEndian(at: offset, as: Integer.self) else {
      throw .truncated(reading: what, offset: file.byteCount)
    }
    offset += MemoryLayout<Integer>.size
    return value
  }

  mutating func count(in file: RawSpan, _ what: String, maximum: Int) throws(GGUFError) -> Int {
    let start = offset
    let value: UInt64 = try integer(in: file, what)
    guard let count = Int(exactly: value), count <= maximum else {
      throw .limit(what: what, found: value, maximum: maximum, offset: start)
    }
    return count
  }

  mutating func string(in file: RawSpan, _ what: String, maximum: Int? = nil) throws(GGUFError) -> String {
    let length = try count(in: file, "the length of \(what)", maximum: maximum ?? GGUF.maximumMetadataBytes)
    guard length <= file.byteCount - offset, let bytes = file.slice(offset..<offset + length) else {
      throw .truncated(reading: what, offset: file.byteCount)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8(what: what, offset: offset) }
    offset += length
    return text
  }

  /// A key or a tensor's name: ASCII without control characters, as the format asks of keys, so that comparing two is
  /// comparing bytes, and that a message can quote it.
  mutating func name(in file: RawSpan, _ what: String) throws(GGUFError) -> String {
    let start = offset
    let length = try count(in: file, "the length of \(what)", maximum: GGUF.maximumNameLength)
    guard length <= file.byteCount - offset, let bytes = file.slice(offset..<offset + length) else {
      throw .truncated(reading: what, offset: file.byteCount)
    }
    guard bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) else { throw .notASCII(what: what, offset: start) }
    offset += length
    return String(decoding: bytes, as: UTF8.self)
  }

  mutating func value(in file: RawSpan, key: String) throws(GGUFError) -> GGUFValue {
    let type = try valueType(in: file, key: key)
    guard type == .array else {
      return GGUFValue(
        elementType: type, isArray: false, storage: try elements(of: type, count: 1, in: file, key: key))
    }
    let elementType = try valueType(in: file, key: key)
    guard elementType != .array else {
      throw .malformedValue(key: key, problem: "an array of arrays, expected an array of numbers, booleans or strings")
    }
    // Every element takes at least one byte, so a count that the file cannot hold is refused before memory is
    // allocated.
    let maximum = min((file.byteCount - offset) / elementType.minimumSize, GGUF.maximumElements)
    let count = try count(in: file, "the length of array \"\(key)\"", maximum: maximum)
    let storage = try elements(of: elementType, count: count, in: file, key: key)
    return GGUFValue(elementType: elementType, isArray: true, storage: storage)
  }

  private mutating func valueType(in file: RawSpan, key: String) throws(GGUFError) -> GGUF.ValueType {
    let raw: UInt32 = try integer(in: file, "the type of \"\(key)\"")
    guard let type = GGUF.ValueType(rawValue: raw) else { throw .unknownValueType(raw, key: key) }
    return type
  }

  private mutating func elements(
    of type: GGUF.ValueType, count: Int, in file: RawSpan, key: String
  ) throws(GGUFError) -> GGUFValue.Storage {
    switch type {
    case .uint8: return .unsigned(try integers(count, UInt8.self, in: file, key: key) { UInt64($0) })
    case .uint16: return .unsigned(try integers(count, UInt16.self, in: file, key: key) { UInt64($0) })
    case .uint32: return .unsigned(try integers(count, UInt32.self, in: file, key: key) { UInt64($0) })
    case .uint64: return .unsigned(try integers(count, UInt64.self, in: file, key: key) { $0 })
    case .int8: return .signed(try integers(count, Int8.self, in: file, key: key) { Int64($0) })
    case .int16: return .signed(try integers(count, Int16.self, in: file, key: key) { Int64($0) })
    case .int32: return .signed(try integers(count, Int32.self, in: file, key: key) { Int64($0) })
    case .int64: return .signed(try integers(count, Int64.self, in: file, key: key) { $0 })
    case .float32:
      return .floating(try integers(count, UInt32.self, in: file, key: key) { Double(Float(bitPattern: $0)) })
    case .float64: return .floating(try integers(count, UInt64.self, in: file, key: key) { Double(bitPattern: $0) })
    case .bool:
      let values = try integers(count, UInt8.self, in: file, key: key) { $0 }
      if let bad = values.first(where: { $0 > 1 }) {
        throw .malformedValue(key: key, problem: "\(bad) as a boolean, expected 0 or 1")
      }
      return .bools(values.map { $0 == 1 })
    case .string:
      var values: [String] = []
      for _ in 0..<count { values.append(try string(in: file, "the string \"\(key)\"")) }
      return .strings(values)
    case .array: throw .malformedValue(key: key, problem: "an array of arrays")
    }
  }

  private mutating func integers<Stored: FixedWidthInteger & BitwiseCopyable, Result>(
    _ count: Int, _ type: Stored.Type, in file: RawSpan, key: String, _ convert: (Stored) -> Result
  ) throws(GGUFError) -> [Result] {
    let size = MemoryLayout<Stored>.size
    // No overflow: an array has at most 2^22 elements.
    guard count * size <= file.byteCount - offset else {
      throw .truncated(reading: "the value of \"\(key)\"", offset: file.byteCount)
    }
    var values: [Result] = []
    values.reserveCapacity(count)
    while values.count < count, let stored = file.littleEndian(at: offset, as: Stored.self) {
      values.append(convert(stored))
      offset += size
    }
    return values
  }

  mutating func tensorRecord(in file: RawSpan) throws(GGUFError) -> TensorRecord {
    let name = try name(in: file, "a tensor's name")
    let rank: UInt32 = try integer(in: file, "the rank of tensor \"\(name)\"")
    guard (1...UInt32(GGUF.maximumDimensions)).contains(rank) else {
      throw .malformedTensor(name: name, problem: "\(rank) dimensions, expected 1 to \(GGUF.maximumDimensions)")
    }
    var dimensions: [Int] = []
    var elements = 1
    for _ in 0..<rank {
      let extent: UInt64 = try integer(in: file, "the dimensions of tensor \"\(name)\"")
      let (product, overflow) = elements.multipliedReportingOverflow(by: Int(exactly: extent) ?? .max)
      guard let extent = Int(exactly: extent), !overflow else {
        throw .malformedTensor(name: name, problem: "dimensions whose product is beyond \(Int.bitWidth) bits")
      }
      guard extent > 0 else { throw .malformedTensor(name: name, problem: "a dimension of 0, expected at least 1") }
      dimensions.append(extent)
      elements = product
    }
    let rawType: UInt32 = try integer(in: file, "the type of tensor \"\(name)\"")
    guard let type = GGUF.TensorType(rawValue: rawType) else {
      let valid = GGUF.TensorType.allCases.map { "\($0.rawValue) (\($0.name))" }.joined(separator: ", ")
      throw .malformedTensor(name: name, problem: "tensor type \(rawType), expected one of \(valid)")
    }
    let (byteCount, overflow) = elements.multipliedReportingOverflow(by: type.size)
    guard !overflow else { throw .malformedTensor(name: name, problem: "a size in bytes beyond \(Int.bitWidth) bits") }
    let offset: UInt64 = try integer(in: file, "the offset of tensor \"\(name)\"")
    return TensorRecord(name: name, type: type, dimensions: dimensions, byteCount: byteCount, offset: offset)
  }
}
