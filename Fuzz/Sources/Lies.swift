import Int8Kernels

@testable import Quant
@testable import ViTImages
@testable import ViTLite

/// One value of a JSON text becomes another, disappears or appears twice.
enum JSONLie {
  static func about(_ input: [UInt8], using generator: inout SplitMix64) -> [UInt8]? {
    guard var value = try? JSON(parsing: input) else { return nil }
    var steps = Int.random(in: 0..<max(1, count(value)), using: &generator)
    change(&value, &steps, &generator)
    return Array(value.serialized().utf8)
  }

  private static func count(_ value: JSON) -> Int {
    switch value {
    case .array(let values): values.reduce(1) { $0 + count($1) }
    case .object(let members): members.reduce(1) { $0 + count($1.value) }
    default: 1
    }
  }

  /// Changes the value that is `steps` values further on.
  private static func change(_ value: inout JSON, _ steps: inout Int, _ generator: inout SplitMix64) {
    guard steps > 0 else {
      if steps == 0 { value = other(value, &generator) }
      steps = -1
      return
    }
    steps -= 1
    switch value {
    case .array(var values):
      for index in values.indices where steps >= 0 { change(&values[index], &steps, &generator) }
      value = .array(values)
    case .object(var members):
      for index in members.indices where steps >= 0 { change(&members[index].value, &steps, &generator) }
      value = .object(members)
    default: break
    }
  }

  private static func other(_ value: JSON, _ generator: inout SplitMix64) -> JSON {
    let kinds: [JSON] = [nil, true, 0.5, 1e-30, 1e30, "", "token", [], [:], [1, 2, 3]]
    switch value {
    case .integer(let number): return .integer(Lies.number(near: number, using: &generator))
    case .array(var values) where !values.isEmpty:
      let index = Int.random(in: values.indices, using: &generator)
      if Bool.random(using: &generator) { values.remove(at: index) } else { values.append(values[index]) }
      return .array(values)
    case .object(var members) where !members.isEmpty:
      members.remove(at: Int.random(in: members.indices, using: &generator))
      return .object(members)
    default: return kinds[Int.random(in: kinds.indices, using: &generator)]
    }
  }
}

/// A safetensors file whose header is JSON, with one lie in it.
enum SafetensorsLie {
  static func about(_ input: [UInt8], using generator: inout SplitMix64) -> [UInt8]? {
    guard let length = unsafe input.span.bytes.littleEndian(at: 0, as: UInt64.self), length < 1 << 20,
      8 + Int(length) <= input.count, let header = JSONLie.about(Array(input[8..<8 + Int(length)]), using: &generator)
    else { return nil }
    return LittleEndian.bytes(of: [UInt64(header.count)]) + header + input[(8 + Int(length))...]
  }

  /// The length of the header becomes that up to the last brace.
  static func withLength(_ input: [UInt8]) -> [UInt8] {
    guard input.count > 8, let end = input[8...].lastIndex(of: UInt8(ascii: "}")) else { return input }
    return LittleEndian.bytes(of: [UInt64(end - 7)]) + input[8...]
  }
}

/// A GGUF file with one lie in its header.
enum GGUFLie {
  static func about(_ input: [UInt8], using generator: inout SplitMix64) -> [UInt8]? {
    var bytes = input
    // The data of a file without tensors may begin, aligned, behind the file's end.
    let header = min((try? unsafe GGUFReader(parsing: input.span.bytes).dataOffset) ?? input.count, input.count)
    guard header >= 24 else { return nil }
    let wide = Bool.random(using: &generator)
    let size = wide ? 8 : 4
    let offset = Int.random(in: 4...header - size, using: &generator)
    var value = 0
    for index in 0..<size { value |= Int(bytes[offset + index]) << (8 * index) }
    let lie = Lies.number(near: value, using: &generator)
    for index in 0..<size { bytes[offset + index] = UInt8(truncatingIfNeeded: lie >> (8 * index)) }
    return bytes
  }

  /// Right checksums for whatever the file holds, so that what is behind them is reached.
  static func withChecksums(_ input: [UInt8]) -> [UInt8] {
    guard let reader = try? unsafe GGUFReader(parsing: input.span.bytes) else { return input }
    var bytes = input
    let key = Array("vit.tensor_crc32".utf8)
    let tensors = reader.tensors
    if let recorded = try? reader.int64s("vit.tensor_crc32"), recorded.count == tensors.count,
      let name = firstIndex(of: key, in: input)
    {
      // Behind the name: the type array, the type of its elements and their number.
      let first = name + key.count + 16
      for (index, tensor) in tensors.enumerated() where first + 4 * index + 4 <= bytes.count {
        let checksum = unsafe CRC32.checksum(of: input.span.bytes.extracting(tensor.range))
        bytes.replaceSubrange(first + 4 * index..<first + 4 * index + 4, with: LittleEndian.bytes(of: [checksum]))
      }
    }
    if let place = reader.placeOfUInt32("vit.header_crc32"), reader.dataOffset <= bytes.count {
      var checksum = CRC32()
      unsafe checksum.update(bytes.span.bytes.extracting(0..<place.lowerBound))
      unsafe checksum.update(bytes.span.bytes.extracting(place.upperBound..<reader.dataOffset))
      bytes.replaceSubrange(place, with: LittleEndian.bytes(of: [checksum.value]))
    }
    return bytes
  }

  private static func firstIndex(of key: [UInt8], in bytes: [UInt8]) -> Int? {
    guard bytes.count >= key.count else { return nil }
    return (0...bytes.count - key.count).first { bytes[$0..<$0 + key.count].elementsEqual(key) }
  }
}

/// A PNG file with one lie in a chunk, and right checksums.
enum PNGLie {
  /// Calls `body` with the place of each chunk: length, type, content, checksum.
  private static func forEachChunk(_ bytes: [UInt8], _ body: (Int, Int) -> Void) {
    var offset = 8
    while offset + 12 <= bytes.count {
      let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - offset - 12 else { return }
      body(offset, length)
      offset += 12 + length
    }
  }

  static func about(_ input: [UInt8], using generator: inout SplitMix64) -> [UInt8]? {
    var chunks: [(offset: Int, length: Int)] = []
    forEachChunk(input) { chunks.append(($0, $1)) }
    guard !chunks.isEmpty else { return nil }
    let chunk = chunks[Int.random(in: chunks.indices, using: &generator)]
    var bytes = input
    // The type, a byte of the content, or the whole chunk twice.
    switch Int.random(in: 0..<4, using: &generator) {
    case 0 where chunk.length > 0, 1 where chunk.length > 0:
      let place = chunk.offset + 8 + Int.random(in: 0..<min(chunk.length, 13), using: &generator)
      bytes[place] = UInt8(truncatingIfNeeded: Lies.number(near: Int(bytes[place]), using: &generator))
    case 2: bytes[chunk.offset + 4 + Int.random(in: 0..<4, using: &generator)] ^= 0x20
    default: bytes.insert(contentsOf: input[chunk.offset..<chunk.offset + 12 + chunk.length], at: chunk.offset)
    }
    return withChecksums(bytes)
  }

  static func withChecksums(_ input: [UInt8]) -> [UInt8] {
    var bytes = input
    forEachChunk(input) { offset, length in
      let checksum = unsafe CRC32.checksum(of: input.span.bytes.extracting(offset + 4..<offset + 8 + length))
      for index in 0..<4 {
        bytes[offset + 8 + length + index] = UInt8(truncatingIfNeeded: checksum >> (24 - 8 * index))
      }
    }
    return bytes
  }
}

/// A JPEG file with one lie in a segment, or a segment that appears twice.
enum JPEGLie {
  static func about(_ input: [UInt8], using generator: inout SplitMix64) -> [UInt8]? {
    var segments: [Range<Int>] = []
    var offset = 2
    while offset + 4 <= input.count, input[offset] == 0xFF {
      let length = Int(input[offset + 2]) << 8 | Int(input[offset + 3])
      guard offset + 2 + length <= input.count else { break }
      segments.append(offset..<offset + 2 + length)
      guard input[offset + 1] != 0xDA else { break }
      offset += 2 + length
    }
    guard let segment = segments.randomElement(using: &generator), segment.count > 4 else { return nil }
    var bytes = input
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: bytes.insert(contentsOf: input[segment], at: segment.lowerBound)
    case 1: bytes[segment.lowerBound + 1] = UInt8.random(in: 0xC0...0xFE, using: &generator)
    default:
      let place = Int.random(
        in: segment.lowerBound + 2..<min(segment.upperBound, segment.lowerBound + 24), using: &generator)
      bytes[place] = UInt8(truncatingIfNeeded: Lies.number(near: Int(bytes[place]), using: &generator))
    }
    return bytes
  }
}

/// A WebP file with one lie in a chunk, or a chunk that appears twice, and the right length.
enum WebPLie {
  static func about(_ input: [UInt8], using generator: inout SplitMix64) -> [UInt8]? {
    var chunks: [Range<Int>] = []
    var offset = 12
    while offset + 8 <= input.count {
      let length = input[offset + 4..<offset + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
      guard length <= input.count - offset - 8 else { break }
      let end = min(offset + 8 + length + length % 2, input.count)
      chunks.append(offset..<end)
      offset = end
    }
    guard let chunk = chunks.randomElement(using: &generator) else { return nil }
    var bytes = input
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: bytes.insert(contentsOf: input[chunk], at: chunk.lowerBound)
    case 1: bytes[chunk.lowerBound + Int.random(in: 0..<8, using: &generator)] ^= 0x20
    default:
      let place = Int.random(in: chunk.lowerBound..<min(chunk.upperBound, chunk.lowerBound + 24), using: &generator)
      bytes[place] = UInt8(truncatingIfNeeded: Lies.number(near: Int(bytes[place]), using: &generator))
    }
    return withLength(bytes)
  }

  static func withLength(_ input: [UInt8]) -> [UInt8] {
    guard input.count >= 12 else { return input }
    var bytes = input
    let length = UInt32(truncatingIfNeeded: input.count - 8)
    for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
    return bytes
  }
}
