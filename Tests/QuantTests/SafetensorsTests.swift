import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// A safetensors file with this header text and this many bytes of data.
private func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
  LittleEndian.bytes(of: [length ?? UInt64(header.utf8.count)]) + Array(header.utf8)
    + [UInt8](repeating: 0, count: data)
}

private func parse(_ bytes: [UInt8]) throws(SafetensorsError) -> SafetensorsHeader {
  try unsafe SafetensorsHeader(parsing: bytes.span.bytes)
}

@Suite("Safetensors")
struct SafetensorsTests {
  @Test("What the reference implementation wrote is read")
  func goldenFiles() throws {
    let io = try SafetensorsFile(path: GoldenFiles.path("hf-vit/io.safetensors"))
    #expect(io["pixel_values"]?.shape == [2, 3, 32, 32])
    #expect(io["hidden_states.2"]?.typeName == "F32")
    #expect(try io.finiteFloats("logits").count == 20)
    let model = try SafetensorsFile(path: GoldenFiles.path("hf-vit/model.safetensors"))
    #expect(model.header.tensors.count == 40)
  }

  @Test("A file without tensors, and a tensor without elements, are read")
  func empty() throws {
    #expect(try parse(file("{}")).tensors.isEmpty)
    #expect(try parse(file(#"{"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}}"#))["e"]?.shape == [0, 3])
  }

  @Test(
    "Malformed files are refused",
    arguments: [
      [], [1, 2, 3], file("{}", length: 3), file("{}", length: .max), file("{}", length: 100_000_001), file("[]"),
      file("{"), file("{}", data: 1),
      file(#"{"__metadata__":{"a":1}}"#), file(#"{"__metadata__":3}"#), file(#"{"a":3}"#),
      file(#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[1]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, data: 4),
      file(#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}"#),
      file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, data: 8),
      file(
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
        data: 6),
      file(
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}"#,
        data: 3),
      file(
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
        data: 2),
    ] as [[UInt8]])
  func malformedFiles(_ bytes: [UInt8]) {
    #expect(throws: SafetensorsError.self) { try parse(bytes) }
  }

  @Test("Names, dimensions and numbers of tensors have limits, and a message quotes the beginning of a long name")
  func limits() {
    let entry = #""dtype":"F32","shape":[1],"data_offsets":[0,4]"#
    let name = String(repeating: "n", count: 1025)
    do throws(SafetensorsError) {
      _ = try parse(file("{\"\(name)\":{\(entry)}}", data: 4))
      Issue.record("a name of 1025 bytes was read")
    } catch {
      #expect(error.description.hasPrefix("a name of 1025 bytes, expected at most 1024, tensor \"nnn"))
      #expect(error.description.utf8.count < 200)
    }
    let ones = (0..<17).map { _ in "1" }.joined(separator: ",")
    #expect(throws: SafetensorsError.malformedTensor(name: "x", "17 dimensions, expected at most 16")) {
      try parse(file(#"{"x":{"dtype":"F32","shape":[\#(ones)],"data_offsets":[0,4]}}"#, data: 4))
    }
  }

  @Test("A type that cannot be read is named")
  func unsupportedType() throws {
    let path = try temporaryFile(file(#"{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}"#, data: 2))
    defer { removeFile(path) }
    let opened = try SafetensorsFile(path: path)
    #expect(throws: SafetensorsError.unsupportedType(name: "a", found: "F8_E4M3", valid: "F64, F32, F16 or BF16")) {
      try opened.floats("a")
    }
    #expect(throws: SafetensorsError.missingTensor(name: "b")) { try opened.floats("b") }
  }

  @Test("Every 16-bit float is converted exactly")
  func halves() {
    #if !(os(macOS) && arch(x86_64))
      for bits in UInt16.min...UInt16.max {
        let expected = Float(Float16(bitPattern: bits))
        let found = FloatConversion.float(fromHalf: bits)
        #expect(found.bitPattern == expected.bitPattern || (found.isNaN && expected.isNaN))
      }
    #endif
  }

  @Test("Every floating-point type is converted, and no other")
  func floatTypes() {
    #expect(floats(LittleEndian.bytes(of: [Float(1.5).bitPattern]), .float32) == [1.5])
    #expect(floats([0xC0, 0x3F, 0x80, 0xFF], .bfloat16) == [1.5, -.infinity])
    #expect(floats(LittleEndian.bytes(of: [Double(0.1).bitPattern]), .float64) == [0.1])
    #expect(floats([1, 2], .int8) == nil)
  }

  private func floats(_ bytes: [UInt8], _ type: SafetensorsType) -> [Float]? {
    unsafe FloatConversion.floats(bytes.span.bytes, type: type)
  }

  @Test("The first number that is not finite is found")
  func notFinite() {
    #expect(FloatConversion.firstNotFinite([1, .greatestFiniteMagnitude, -0]) == nil)
    #expect(FloatConversion.firstNotFinite([1, -.infinity, .nan]) == 1)
    #expect(FloatConversion.firstNotFinite([.signalingNaN]) == 0)
  }

  @Test("What is written is read back")
  func roundTrip() throws {
    let path = try temporaryFile([])
    defer { removeFile(path) }
    var writer = try SafetensorsWriter(
      path: path,
      tensors: [
        .init(name: "x", type: .float32, shape: [2, 2]), .init(name: "labels", type: .int64, shape: [2]),
        .init(name: "raw", type: .uint8, shape: [3]),
      ])
    try writer.append([1, 2, 3, -0.5] as [Float])
    try writer.append(LittleEndian.bytes(of: [-7, 1 << 40] as [Int64]))
    try writer.append([1, 2, 255] as [UInt8])
    try writer.commit()
    let read = try SafetensorsFile(path: path)
    #expect(read["x"]?.shape == [2, 2])
    #expect(try read.floats("x") == [1, 2, 3, -0.5])
    #expect(try read.integers("labels") == [-7, 1 << 40])
    #expect(try read.integers("raw") == [1, 2, 255])
  }
}
