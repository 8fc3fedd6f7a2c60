import Int8Kernels
import ViTLite

/// The table of contents of a safetensors file: 8 bytes of length, then JSON, then the tensors without gaps.
package struct SafetensorsHeader: Sendable {
  /// The longest header that the format allows.
  package static let maximumBytes = 100_000_000
  /// Far above any real checkpoint.
  package static let maximumTensors = 1 << 17
  package static let maximumNameBytes = 1024
  package static let maximumDimensions = 16

  /// In the order of their bytes.
  package let tensors: [SafetensorsEntry]
  /// By the bytes of the name.
  private let indexByName: [[UInt8]: Int]

  package subscript(name: String) -> SafetensorsEntry? {
    indexByName[Array(name.utf8)].map { tensors[$0] }
  }

  /// Reads the header of a whole file and checks that every tensor lies within the file, takes just the bytes that its
  /// type and shape need, and begins where the one before it ends.
  package init(parsing file: RawSpan) throws(SafetensorsError) {
    guard let length = file.littleEndian(at: 0, as: UInt64.self) else {
      throw .truncated(byteCount: file.byteCount, needed: 8)
    }
    guard length <= UInt64(Self.maximumBytes) else { throw .headerTooLong(byteCount: length) }
    let dataStart = 8 + Int(length)
    guard let text = file.slice(8..<max(8, min(dataStart, file.byteCount))), dataStart <= file.byteCount else {
      throw .truncated(byteCount: file.byteCount, needed: dataStart)
    }
    let header: JSON
    do { header = try JSON(parsing: text) } catch { throw .json(error) }
    guard let members = header.members else { throw .malformed("\(header.kind) at its top, expected an object") }

    guard members.count <= Self.maximumTensors else {
      throw .malformed("\(members.count) tensors, expected at most \(Self.maximumTensors)")
    }
    var tensors: [SafetensorsEntry] = []
    tensors.reserveCapacity(members.count)
    for member in members {
      if member.key.utf8.elementsEqual("__metadata__".utf8) {
        try Self.checkMetadata(member.value)
      } else {
        tensors.append(try Self.parseEntry(member, dataStart: dataStart, dataSize: file.byteCount - dataStart))
      }
    }
    tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    try Self.checkContiguous(tensors, dataStart: dataStart, fileSize: file.byteCount)
    self.tensors = tensors
    var indexByName: [[UInt8]: Int] = [:]
    for (index, tensor) in tensors.enumerated() { indexByName[Array(tensor.name.utf8)] = index }
    self.indexByName = indexByName
  }

  /// The format allows strings only.
  private static func checkMetadata(_ value: JSON) throws(SafetensorsError) {
    guard let members = value.members else { throw .malformed("__metadata__ is \(value.kind), expected an object") }
    for member in members where member.value.string == nil {
      throw .malformed("__metadata__ \(Quotation(member.key)) is \(member.value.kind), expected a string")
    }
  }

  private static func parseEntry(
    _ member: JSON.Member, dataStart: Int, dataSize: Int
  ) throws(SafetensorsError) -> SafetensorsEntry {
    let name = member.key
    guard name.utf8.count <= maximumNameBytes else {
      throw .malformedTensor(name: name, "a name of \(name.utf8.count) bytes, expected at most \(maximumNameBytes)")
    }
    guard let type = member.value["dtype"]?.string else {
      throw .malformedTensor(name: name, "no \"dtype\" string")
    }
    guard let dimensions = member.value["shape"]?.array else {
      throw .malformedTensor(name: name, "no \"shape\" array")
    }
    guard dimensions.count <= maximumDimensions else {
      throw .malformedTensor(name: name, "\(dimensions.count) dimensions, expected at most \(maximumDimensions)")
    }
    var shape: [Int] = []
    var elements = 1
    for dimension in dimensions {
      guard case .integer(let extent) = dimension, extent >= 0 else {
        throw .malformedTensor(name: name, "\(dimension.kind) in \"shape\", expected integers of at least 0")
      }
      let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw .malformedTensor(name: name, "a shape of more elements than 64 bits can count") }
      elements = product
      shape.append(extent)
    }
    guard let offsets = member.value["data_offsets"]?.array, offsets.count == 2,
      case .integer(let begin) = offsets[0], case .integer(let end) = offsets[1]
    else { throw .malformedTensor(name: name, "no \"data_offsets\" pair of integers") }
    guard 0 <= begin, begin <= end, end <= dataSize else {
      throw .malformedTensor(
        name: name,
        "\"data_offsets\" \(begin) to \(end), expected them in order and within the \(dataSize) bytes of data")
    }
    if let size = SafetensorsType(rawValue: type)?.size {
      let (bytes, overflow) = elements.multipliedReportingOverflow(by: size)
      guard !overflow, bytes == end - begin else {
        let needed = overflow ? "more bytes than 64 bits can count" : "\(bytes) bytes"
        throw .malformedTensor(
          name: name, "\(end - begin) bytes of data, expected \(needed) for \(type) of shape \(shape)")
      }
    }
    return SafetensorsEntry(name: name, typeName: type, shape: shape, range: dataStart + begin..<dataStart + end)
  }

  private static func checkContiguous(
    _ tensors: [SafetensorsEntry], dataStart: Int, fileSize: Int
  ) throws(SafetensorsError) {
    var end = dataStart
    for tensor in tensors {
      guard tensor.range.lowerBound == end else {
        let problem = tensor.range.lowerBound < end ? "overlaps the one before it" : "leaves a gap before it"
        throw .malformedTensor(name: tensor.name, "data that \(problem), expected to begin at file offset \(end)")
      }
      end = tensor.range.upperBound
    }
    guard end == fileSize else {
      throw .malformed("\(fileSize - end) bytes after the last tensor, expected none")
    }
  }
}
