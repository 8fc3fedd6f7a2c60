import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

private func parse(_ text: String) throws(JSONError) -> JSON { try JSON(parsing: Array(text.utf8)) }

@Suite("JSON")
struct JSONTests {
  @Test("Every kind of value is parsed, and members keep their order")
  func values() throws {
    let value = try parse(#" {"b": [1, -2.5e2, true, false, null], "a": "x", "": {}} "#)
    #expect(value == ["b": [1, -250.0, true, false, nil], "a": "x", "": [:]])
    #expect(value.members?.map(\.key) == ["b", "a", ""])
  }

  @Test("Integers are exact, and those beyond 64 bits become floating-point numbers")
  func integers() throws {
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("9223372036854775808") == .double(0x1p63))
    #expect(try parse("1.0") == .double(1))
    #expect(try parse("1.0").int == 1)
    #expect(try parse("-0").double?.sign == .minus)
  }

  @Test("Escapes and surrogate pairs are decoded")
  func escapes() throws {
    #expect(try parse(#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00é""#) == .string("\"\\/\u{8}\u{C}\n\r\té😀é"))
  }

  @Test(
    "Text that is not JSON is refused",
    arguments: [
      "", " ", "{", "[", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1 \"b\":2}", "01", "-",
      "1.",
      ".5", "+1", "1e", "1e+", "0x1", "NaN", "Infinity", "1e999", "tru", "nul", "truefalse", "1 2", "\"", "\"\\",
      "\"\\x\"",
      "\"\\u12\"", "\"\\u12G4\"", #""\uD800""#, #""\uDC00\uD800""#, #""\uD800A""#, "\"\u{1}\"", "\"a\nb\"", "// x\n1",
      "{\"a\":1,\"a\":2}", "[1]]", "\u{FEFF}1",
    ])
  func malformedText(_ text: String) {
    #expect(throws: JSONError.self) { try parse(text) }
  }

  @Test("Bytes that are not UTF-8 are refused")
  func malformedUTF8() {
    #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
    #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xED, 0xA0, 0x80, 0x22]) }
    #expect(throws: JSONError.self) { try JSON(parsing: [0xFF]) }
  }

  /// Bringing a run of combining marks to a normal form takes time that grows with its square.
  @Test("Names are the same when their bytes are, and long ones are refused")
  func names() throws {
    let composed = "\u{E9}"
    let decomposed = "e\u{301}"
    let object = try parse("{\"\(composed)\":1,\"\(decomposed)\":2}")
    #expect(object[composed] == 1)
    #expect(object[decomposed] == 2)
    #expect(throws: JSONError.self) { try parse("{\"\(decomposed)\":1,\"\(decomposed)\":2}") }
    #expect(
      throws: JSONError(message: "a name of 200000 bytes in a JSON object, expected at most 4096", offset: 1)
    ) { try parse("{\"\(String(repeating: "\u{301}", count: 100_000))\":1}") }
  }

  @Test("Many names of combining marks are read in a moment")
  func combiningMarks() throws {
    let marks = String(repeating: "\u{301}\u{323}", count: 1000)
    let members = (0..<400).map { "\"\(marks)\($0)\":0" }
    let start = ContinuousClock.now
    #expect(try parse("{\(members.joined(separator: ","))}").members?.count == 400)
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  @Test("Nesting beyond the limit is refused")
  func nesting() throws {
    let deepest = JSON.maximumDepth
    let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(throws: Never.self) { try parse(nested(deepest)) }
    #expect(throws: JSONError.self) { try parse(nested(deepest + 1)) }
    #expect(throws: JSONError.self) { try parse(String(repeating: "{\"a\":", count: 100_000)) }
  }

  @Test("An error says where the text is wrong")
  func errorOffset() {
    #expect(throws: JSONError(message: "'x' in the JSON text, expected ',' or ']'", offset: 3)) { try parse("[1 x]") }
    #expect(throws: JSONError(message: "the JSON text ends, expected a value", offset: 5)) { try parse("{\"a\":") }
  }

  @Test("A value is serialized on one line, or indented")
  func serialization() {
    let value: JSON = ["a": [1, 0.1, nil], "b": [:], "c": [], "d": "q\"\\\n\u{1}é"]
    #expect(value.serialized() == #"{"a":[1,0.1,null],"b":{},"c":[],"d":"q\"\\\n\u0001é"}"#)
    let pretty = "{\n  \"a\": [\n    1,\n    0.1,\n    null\n  ],\n  \"b\": {},\n  \"c\": [],\n  \"d\": \"x\"\n}"
    let simple: JSON = ["a": [1, 0.1, nil], "b": [:], "c": [], "d": "x"]
    #expect(simple.serialized(pretty: true) == pretty)
  }

  @Test(
    "Floating-point numbers survive the round trip",
    arguments: [
      0.1, 1e-12, .leastNonzeroMagnitude, 1.7976931348623157e308, 1 / 3.0, -0.0, 123456789012345680, 1e16, 65504,
    ])
  func roundTrip(_ value: Double) throws {
    let text = JSON.double(value).serialized()
    #expect(try parse(text).double?.bitPattern == value.bitPattern)
  }

  @Test("Numbers that are not finite become null")
  func notFinite() {
    #expect(JSON.array([.double(.nan), .double(.infinity)]).serialized() == "[null,null]")
  }
}
