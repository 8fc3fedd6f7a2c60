import TestSupport
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
  writer.set("vit.bounds", GGUFValue(elementType: .int64, isArray: true, storage: .signed([-1, 1 << 40])))
  writer.set("vit.integer_only", .bool(true))
  writer.set("vit.epsilon", .float64(1e-6))
  writer.add("weights", dimensions: [4, 2], values: [1, -2, 3, -4, 5, -6, 7, -128] as [Int8])
  writer.add("bias", dimensions: [2], values: [1 << 30, -5] as [Int32])
  return writer
}

@Suite("GGUF")
struct GGUFTests {
  @Test("What the reference implementation wrote is read")
  func goldenFile() throws {
    let bytes = try MappedFile.contents(of: GoldenFiles.path("gguf/reference.bin"), limit: 1 << 20)
    let file = try read(bytes)
    #expect(file.alignment == 32)
    #expect(try file.int("u8") == 200)
    #expect(try file.int("i8") == -100)
    #expect(try file.int("u16") == 60000)
    #expect(try file.int("i16") == -30000)
    #expect(try file.int("u32") == 4_000_000_000)
    #expect(try file.int("i32") == -2_000_000_000)
    #expect(try file.int("u64") == 1 << 40)
    #expect(try file.int("i64") == -1 << 40)
    #expect(try file.int64("i64") == -1 << 40)
    #expect(try file.float("f32") == 0.5)
    #expect(try file.float("f64") == 0.1)
    #expect(try file.bool("flag"))
    #expect(try file.string("text") == "Grüße")
    #expect(try file.ints("ints") == [1, -2, 3])
    #expect(try file.int64s("ints") == [1, -2, 3])
    #expect(try file.floats("floats") == [0.5, 0.25])
    #expect(try file.strings("names") == ["a", "bc", ""])
    #expect(try file.tensor("f32").dimensions == [3, 2])
    #expect(file.tensors.map(\.type) == [.float32, .float16, .int8, .int16, .int32, .int64, .float64])
    #expect(Array(bytes[try file.tensor("i8").range]) == [0x80, 0x7F])
    #expect(Array(bytes[try file.tensor("i32").range]) == [7, 0, 0, 0, 8, 0, 0, 0])
  }

  @Test("What is written is read back")
  func roundTrip() throws {
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

  @Test("A failed look-up names the key, and what would be valid")
  func lookUps() throws {
    let file = try read(sample().serialized())
    #expect(throws: GGUFError.missingKey("vit.width", expected: "an integer")) { try file.int("vit.width") }
    #expect(
      throws: GGUFError.wrongType(
        key: "general.architecture", found: "a value of type string", expected: "an integer")
    ) { try file.int("general.architecture") }
    #expect(throws: GGUFError.missingTensor("head")) { try file.tensor("head") }
  }

  @Test("Keys and names that are long, or not printable ASCII, are refused", arguments: ["\u{301}", "a\nb", ""])
  func names(_ text: String) throws {
    let name = text.isEmpty ? String(repeating: "k", count: 1025) : text
    var writer = sample()
    writer.set(name, .uint32(1))
    let withKey = writer.serialized()
    #expect(throws: GGUFError.self) { try read(withKey) }
    writer = sample()
    writer.add(name, dimensions: [1], values: [Int8(1)])
    let withTensor = writer.serialized()
    #expect(throws: GGUFError.self) { try read(withTensor) }
  }

  @Test("An array of more elements than any model has is refused before it is read")
  func longArray() throws {
    var writer = sample()
    writer.set("long", .strings([String](repeating: "", count: GGUF.maximumElements + 1)))
    let bytes = writer.serialized()
    do throws(GGUFError) {
      _ = try read(bytes)
      Issue.record("the array was read")
    } catch {
      guard case .limit(_, let found, let maximum, _) = error else { throw error }
      #expect(found == UInt64(GGUF.maximumElements) + 1)
      #expect(maximum == GGUF.maximumElements)
    }
  }

  @Test("Every truncation is refused")
  func truncation() {
    let bytes = sample().serialized()
    let lastTensorEnd = bytes.count - 64 + 8
    for length in 0..<lastTensorEnd {
      #expect(throws: GGUFError.self) { try read(Array(bytes[..<length])) }
    }
  }

  @Test("A file with any one byte damaged is read or refused, and never traps")
  func damagedByte() throws {
    let bytes = sample().serialized()
    var (count, refused) = (0, 0)
    for index in bytes.indices {
      for value in [0, 1, 0x7F, 0x80, 0xFF, bytes[index] ^ 1] as [UInt8] {
        var damaged = bytes
        damaged[index] = value
        if (try? read(damaged)) == nil { refused += 1 } else { count += 1 }
      }
    }
    #expect(count > 0 && refused > 0)
  }

  @Test("A file with random damage is read or refused, and never traps")
  func randomDamage() throws {
    var generator = SplitMix64(seed: 2)
    let file = try MappedFile.contents(of: GoldenFiles.path("gguf/reference.bin"), limit: 1 << 20)
    _ = try read(file)
    var count = 0
    for _ in 0..<10_000 where (try? read(file.damaged(within: 0..<700, using: &generator))) != nil { count += 1 }
    #expect((1..<10_000).contains(count))
  }

  @Test("Tensors that overlap, are not aligned or lie outside are refused")
  func tensorRanges() throws {
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

  @Test("Another magic number or version is refused")
  func versions() {
    var bytes = sample().serialized()
    bytes[4] = 2
    #expect(throws: GGUFError.unsupportedVersion(2)) { try read(bytes) }
    bytes[0] = 0
    #expect(throws: GGUFError.notGGUF(magic: 0x4655_4700)) { try read(bytes) }
  }
}
