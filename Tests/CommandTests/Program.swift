import Foundation
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// The built program, run as a process.
enum Program {
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String

    /// Standard output as one JSON text.
    var json: JSON { get throws { try JSON(parsing: Array(output.utf8)) } }

    /// Standard output as one JSON text on each line.
    var jsonLines: [JSON] {
      get throws { try output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) } }
    }
  }

  /// Beside the test bundle: `swift test` builds both.
  static let url: URL = {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
    let beside = (bundle ?? URL(filePath: CommandLine.arguments[0])).deletingLastPathComponent()
    return beside.appending(path: "vit-quant")
  }()

  /// Runs the program to its end.
  /// - Parameter addressSpace: that it may use, in kilobytes.
  static func run(
    _ arguments: [String], input: Data? = nil, environment: [String: String] = [:], in folder: URL? = nil,
    addressSpace: Int? = nil
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    if let addressSpace {
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments =
        ["-c", "ulimit -v \(addressSpace) && exec \"$0\" \"$@\"", url.path(percentEncoded: false)] + arguments
    }
    process.environment = ProcessInfo.processInfo.environment
      .filter { !["VIT_QUANT_ISA", "VIT_QUANT_DATA", "NO_COLOR"].contains($0.key) }
      .merging(environment) { $1 }
    process.currentDirectoryURL = folder
    let scratch = try Scratch()
    let (outputFile, errorFile) = (scratch.url("out"), scratch.url("err"))
    // Files, not pipes: a process that writes much to both never waits for its reader.
    for file in [outputFile, errorFile] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    if let input {
      let inputFile = scratch.url("in")
      try input.write(to: inputFile)
      process.standardInput = try FileHandle(forReadingFrom: inputFile)
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationReason == .exit, "ended by a signal: \(arguments)")
    return Outcome(
      status: process.terminationStatus, output: try String(contentsOf: outputFile, encoding: .utf8),
      errors: try String(contentsOf: errorFile, encoding: .utf8))
  }

  static func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  /// Expects that the program refuses: this status, nothing on standard output, and one line of error that names all of
  /// `words`.
  static func expectRefusal(
    _ arguments: [String], status: Int32, naming words: [String], environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try run(arguments, environment: environment)
    #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
    #expect(outcome.errors.hasPrefix("vit-quant: error: "), sourceLocation: sourceLocation)
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
    for word in words {
      #expect(outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: sourceLocation)
    }
  }
}

/// A folder for one test, removed after it.
final class Scratch {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "vit-quant-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  func url(_ name: String) -> URL { folder.appending(path: name) }

  func path(_ name: String) -> String { url(name).path(percentEncoded: false) }

  /// A new folder in this one.
  func makeFolder(_ name: String) throws -> String {
    try FileManager.default.createDirectory(at: url(name), withIntermediateDirectories: true)
    return path(name)
  }

  func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: url(name))
    return path(name)
  }

  var contents: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)).sorted() }
  }
}
