import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

private func read(_ bytes: [UInt8]) throws(GGUFError) -> GGUFReader {
  try unsafe GGUFReader(parsing: bytes.span.bytes)
}

private func sample() -> GGUFWriter {
  var writer = GGUFWriter()
  writer.set("general.architecture", .string("vit"))
  writer.set("vit.scales", .float32s([0.5, 0.25]))
  writer.set("vit.names", .strings(["a", ""]))
  writer.set("vit.bounds", .int64s([-1, 1 << 40]))
  writer.set("vit.integer_only", .bool(true))
  writer.set("vit.epsilon", .float64(1e-6))
  writer.add("weights", dimensions: [4, 2], values: [1, -2, 3, -4, 5, -6, 7, -128] as [Int8])
  writer.add("bias", dimensions: [2], values: [1 << 30, -5] as [Int32])
  return writer
}

@Suite struct GGUFTests {
  @Test func readsWhatTheReferenceImplementationWrote() throws {
    let bytes = try MappedFile.contents(of: GoldenFiles.path("gguf/reference.bin"), limit: 1 << 20)
    let file = try read(bytes)
    #expect(file.alignment == 32)
    #expect(try file.uint("u8") == 200)
    #expect(try file.int("i8") == -100)
    #expect(try file.int("u16") == 60000)
    #expect(try file.int("i16") == -30000)
    #expect(try file.int("u32") == 4_000_000_000)
    #expect(try file.int("i32") == -2_000_000_000)
    #expect(try file.int("u64") == 1 << 40)
    #expect(try file.int("i64") == -1 << 40)
    #expect(try file.float("f32") == 0.5)
    #expect(try file.float("f64") == 0.1)
    #expect(try file.bool("flag"))
    #expect(try file.string("text") == "Grüße")
    #expect(try file.ints("ints") == [1, -2, 3])
    #expect(try file.floats("floats") == [0.5, 0.25])
    #expect(try file.strings("names") == ["a", "bc", ""])
    #expect(try file.tensor("f32").dimensions == [3, 2])
    #expect(file.tensors.map(\.type) == [.float32, .float16, .int8, .int16, .int32, .int64, .float64])
    #expect(Array(bytes[try file.tensor("i8").range]) == [0x80, 0x7F])
    #expect(Array(bytes[try file.tensor("i32").range]) == [7, 0, 0, 0, 8, 0, 0, 0])
  }

  @Test func readsWhatItWrites() throws {
    let bytes = sample().serialized()
    let file = try read(bytes)
    #expect(file.alignment == 64)
    #expect(try file.string("general.architecture") == "vit")
    #expect(try file.floats("vit.scales") == [0.5, 0.25])
    #expect(try file.strings("vit.names") == ["a", ""])
    #expect(try file.ints("vit.bounds") == [-1, 1 << 40])
    #expect(try file.bool("vit.integer_only"))
    #expect(try file.float("vit.epsilon") == 1e-6)
    for tensor in file.tensors { #expect(tensor.range.lowerBound % 64 == 0) }
    #expect(Array(bytes[try file.tensor("weights").range]) == [1, 254, 3, 252, 5, 250, 7, 128])
    #expect(Array(bytes[try file.tensor("bias").range]) == [0, 0, 0, 0x40, 0xFB, 0xFF, 0xFF, 0xFF])
  }

  @Test func lookUpsNameTheKeyAndWhatWouldBeValid() throws {
    let file = try read(sample().serialized())
    #expect(throws: GGUFError.missingKey("vit.width", expected: "an integer")) { try file.uint("vit.width") }
    #expect(
      throws: GGUFError.wrongType(
        key: "general.architecture", found: "a value of type string", expected: "an integer")
    ) { try file.uint("general.architecture") }
    #expect(throws: GGUFError.missingTensor("head")) { try file.tensor("head") }
  }

  @Test func everyTruncationIsRefused() {
    let bytes = sample().serialized()
    let lastTensorEnd = bytes.count - 64 + 8
    for length in 0..<lastTensorEnd {
      #expect(throws: GGUFError.self) { try read(Array(bytes[..<length])) }
    }
  }

  @Test func everyDamagedByteIsReadOrRefusedButNeverTraps() {
    let bytes = sample().serialized()
    for index in bytes.indices {
      for value in [0, 1, 0x7F, 0x80, 0xFF, bytes[index] ^ 1] as [UInt8] {
        var damaged = bytes
        damaged[index] = value
        _ = try? read(damaged)
      }
    }
  }

  @Test func refusesTensorsThatOverlapOrAreNotAligned() throws {
    let bytes = sample().serialized()
    // The record of "bias" ends the table: its offset is the last 8 bytes before the padding.
    let name = Array("bias".utf8)
    let start = try #require((0..<bytes.count - 4).first { Array(bytes[$0..<$0 + 4]) == name })
    let offset = start + 4 + 4 + 8 + 4
    var overlapping = bytes
    overlapping[offset] = 0
    #expect(throws: GGUFError.self) { try read(overlapping) }
    var unaligned = bytes
    unaligned[offset] = 72
    #expect(throws: GGUFError.self) { try read(unaligned) }
    var beyond = bytes
    beyond[offset + 7] = 0xFF
    #expect(throws: GGUFError.self) { try read(beyond) }
  }

  @Test func refusesAnotherMagicNumberOrVersion() {
    var bytes = sample().serialized()
    bytes[4] = 2
    #expect(throws: GGUFError.unsupportedVersion(2)) { try read(bytes) }
    bytes[0] = 0
    #expect(throws: GGUFError.notGGUF(magic: 0x4655_4700)) { try read(bytes) }
  }
}

private func checksum(_ bytes: [UInt8]) -> UInt32 { unsafe CRC32.checksum(of: bytes.span.bytes) }

@Suite struct CRC32Tests {
  @Test func agreesWithTheCheckValuesOfTheStandard() {
    #expect(checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(checksum([]) == 0)
    #expect(checksum([UInt8](repeating: 0xFF, count: 32)) == 0xFF6C_AB0B)
  }

  @Test func piecesGiveTheChecksumOfTheWhole() {
    let bytes = (0..<100).map { UInt8($0 * 7 % 256) }
    let whole = checksum(bytes)
    for split in 0...bytes.count {
      var pieces = CRC32()
      let (first, second) = (Array(bytes[..<split]), Array(bytes[split...]))
      unsafe pieces.update(first.span.bytes)
      unsafe pieces.update(second.span.bytes)
      #expect(pieces.value == whole)
    }
  }
}
