import Foundation
import Testing

/// No floating-point arithmetic between the quantized pixels and the integer logits: neither in the source of that
/// path nor in the machine code that the compiler makes of it.
@Suite("Integer-only path")
struct IntegerOnlyTests {
  /// The folders in which no floating-point number may be: all kernels with the arithmetic that defines them, and the
  /// runtime but for reading the model file and what is on the other side of pixels and logits.
  private static let folders = [
    "CKernels/", "Int8Kernels/", "ViTLite/Forward/", "ViTLite/Host/", "ViTLite/Plan/",
  ]

  private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Sources")

  /// Files of the integer path, relative to the sources.
  private static let paths: [String] = {
    let all = FileManager.default.enumerator(atPath: sources.path())?.compactMap { $0 as? String } ?? []
    return all.filter { path in
      folders.contains { path.hasPrefix($0) } && [".swift", ".c", ".h"].contains(where: path.hasSuffix)
    }
    .sorted()
  }()

  @Test("The sources of the integer path name no floating-point type")
  func sources() throws {
    for folder in Self.folders { #expect(Self.paths.contains { $0.hasPrefix(folder) }, "\(folder)") }
    for path in Self.paths {
      let text = try String(contentsOf: Self.sources.appending(path: path), encoding: .utf8)
      let found = SourceText(text).floatingPointTokens
      #expect(found.isEmpty, "\(path)")
    }
  }

  @Test("The check of sources finds floating point")
  func checkOfSources() throws {
    #expect(SourceText("let x: Float = 1 // Double").floatingPointTokens == ["Float"])
    #expect(SourceText("/* float */ static double f(int32_t x);").floatingPointTokens == ["double"])
    #expect(SourceText("let x = y * 0.5").floatingPointTokens == ["0.5"])
    #expect(SourceText("float32x4_t x; __m256 y; __m256i z;").floatingPointTokens == ["float32x4_t", "__m256"])
    #expect(
      SourceText("let floating = \"Float\", tuple = pair.0, range = 0...5, hex = 0x1E5").floatingPointTokens == [])
    let reference = Self.sources.appending(path: "Quant/Float/FloatRows.swift")
    #expect(!SourceText(try String(contentsOf: reference, encoding: .utf8)).floatingPointTokens.isEmpty)
  }

  @Test(
    "The machine code of the integer path has no floating-point arithmetic",
    .enabled(if: Disassembler.isThere, "needs objdump, and the object files of the build beside the tests"))
  func machineCode() throws {
    var checked = 0
    for path in Self.paths where !path.hasSuffix(".h") {
      guard let object = Disassembler.object(of: path) else { continue }
      let code = try Disassembler.mnemonics(in: object)
      let found = code.filter { Disassembler.isFloatingPointArithmetic($0) }
      #expect(found.isEmpty, "\(path)")
      checked += code.count
    }
    #expect(checked > 5000, "instructions of kernels and forward pass")
    // The check sees what it looks for where that must be.
    let reference = try #require(Disassembler.object(of: "Quant/Float/FloatRows.swift"))
    #expect(try Disassembler.mnemonics(in: reference).contains { Disassembler.isFloatingPointArithmetic($0) })
  }
}

/// Swift or C, without its comments and strings.
private struct SourceText {
  private var tokens: [Substring] = []

  init(_ text: String) {
    var rest = text[...]
    while let first = rest.first {
      if rest.hasPrefix("//") {
        rest = rest.drop { !$0.isNewline }
      } else if rest.hasPrefix("/*") {
        rest = rest.range(of: "*/").map { rest[$0.upperBound...] } ?? ""
      } else if first == "\"" {
        rest = Self.afterString(rest)
      } else if first.isLetter || first == "_" {
        take(&rest) { $0.isLetter || $0.isNumber || $0 == "_" }
      } else if first.isNumber {
        Self.isHexadecimal(rest) ? take(&rest) { $0.isHexDigit || $0 == "x" } : takeNumber(&rest)
      } else {
        rest = rest.dropFirst()
      }
    }
  }

  private static func isHexadecimal(_ text: Substring) -> Bool { text.hasPrefix("0x") || text.hasPrefix("0X") }

  private static func afterString(_ text: Substring) -> Substring {
    var rest = text.dropFirst()
    while let character = rest.first, character != "\"" { rest = rest.dropFirst(character == "\\" ? 2 : 1) }
    return rest.dropFirst()
  }

  private mutating func take(_ rest: inout Substring, while belongs: (Character) -> Bool) {
    let token = rest.prefix(while: belongs)
    tokens.append(token)
    rest = rest.dropFirst(token.count)
  }

  /// Digits, with a fraction or an exponent where they follow at once; a range's dots and a tuple's do not.
  private mutating func takeNumber(_ rest: inout Substring) {
    let start = rest.startIndex
    rest = rest.drop { $0.isNumber || $0 == "_" }
    if rest.first == ".", rest.dropFirst().first?.isNumber == true { rest = rest.dropFirst().drop { $0.isNumber } }
    if let letter = rest.first, "eE".contains(letter) {
      rest = rest.dropFirst().drop { $0.isNumber || $0 == "-" || $0 == "+" }
    }
    tokens.append(rest.base[start..<rest.startIndex])
    rest = rest.drop { $0.isLetter }
  }

  private static let types: Set<Substring> = [
    "Float", "Double", "Float16", "Float32", "Float64", "Float80", "CGFloat", "CFloat", "CDouble", "BFloat16",
    "float", "double", "_Float16", "__bf16", "__fp16", "__m128", "__m256", "__m512", "__m128d", "__m256d", "__m512d",
    "float_t", "double_t",
  ]

  /// Types and literals; NEON's vector types too.
  var floatingPointTokens: [Substring] {
    tokens.filter { token in
      if token.first?.isNumber == true {
        return !Self.isHexadecimal(token) && token.contains { ".eE".contains($0) }
      }
      let isVector = token.hasPrefix("float") && token.hasSuffix("_t")
      return Self.types.contains(token) || isVector
    }
  }
}

/// The machine code of this build's object files.
private enum Disassembler {
  private static let folder: URL? = {
    #if os(Linux)
      let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      return program.map { URL(filePath: $0).deletingLastPathComponent() }
    #else
      return nil
    #endif
  }()

  private static let tool: URL? = {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { URL(filePath: String($0)).appending(path: "objdump") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path()) }
  }()

  static var isThere: Bool {
    tool != nil && object(of: "ViTLite/Forward/ForwardPass.swift") != nil && object(of: "CKernels/detect.c") != nil
  }

  /// The object file of a source file; nil where the build has none.
  static func object(of source: String) -> URL? {
    let parts = source.split(separator: "/")
    guard let folder, let module = parts.first, let file = parts.last else { return nil }
    let object = folder.appending(path: "\(module).build/\(file).o")
    return FileManager.default.fileExists(atPath: object.path()) ? object : nil
  }

  static func mnemonics(in object: URL) throws -> [String] {
    let process = Process()
    process.executableURL = tool
    process.arguments = ["--disassemble", "--no-show-raw-insn", object.path()]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.split(separator: "\n").compactMap { line in
      // "  address:<tab>mnemonic operands"
      let columns = line.split(separator: "\t")
      return columns.count > 1 ? columns[1].split(separator: " ").first.map { String($0) } : nil
    }
  }

  /// Arithmetic, comparison and conversion; moves, shuffles and bit operations of vector registers are none, whatever
  /// type their names speak of.
  static func isFloatingPointArithmetic(_ mnemonic: String) -> Bool {
    #if arch(arm64)
      // fadd, fmla, fcvtzs, ... and scvtf, ucvtf; fmov moves.
      return mnemonic.hasPrefix("f") && mnemonic != "fmov" || mnemonic.hasSuffix("cvtf")
        || mnemonic.hasPrefix("bf")
          && ["bfdot", "bfmmla", "bfcvt", "bfmlalb", "bfmlalt"].contains(mnemonic)
    #else
      if mnemonic.hasPrefix("f") { return true }  // x87
      let name = mnemonic.hasPrefix("v") ? mnemonic.dropFirst() : mnemonic[...]
      if ["fm", "fnm", "cvt", "comi", "ucomi", "tdpbf16", "tdpfp16", "dpbf16"].contains(where: name.hasPrefix) {
        return true
      }
      let isTyped = ["ss", "sd", "ps", "pd", "sh", "ph"].contains(where: name.hasSuffix)
      let operations = [
        "add", "sub", "mul", "div", "sqrt", "rsqrt", "rcp", "min", "max", "hadd", "hsub", "round", "rndscale", "dpp",
        "cmp", "getexp", "getmant", "scalef", "fixupimm", "reduce", "range",
      ]
      return isTyped && operations.contains(where: name.hasPrefix)
    #endif
  }
}
