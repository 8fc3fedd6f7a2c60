import LibC
import Synchronization
import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

extension FileCalls {
  /// As on a file system that has no files without a name.
  static let withoutUnnamedFiles = FileCalls { $0 == .createUnnamed ? EOPNOTSUPP : nil }
}

/// Makes system calls fail, counted from the first.
private final class FaultPlan: Sendable {
  let made = Atomic<Int>(0)
  private let first: Int
  private let count: Int
  private let code: Int32
  private let hasUnnamedFiles: Bool

  /// - Parameters:
  ///   - first: the index of the first call that fails.
  ///   - count: calls in a row that fail.
  init(first: Int, count: Int, code: Int32, hasUnnamedFiles: Bool) {
    self.first = first
    self.count = count
    self.code = code
    self.hasUnnamedFiles = hasUnnamedFiles
  }

  func fault(_ call: FileCalls.Call) -> Int32? {
    let index = made.add(1, ordering: .relaxed).oldValue
    // The system closes what a killed process had open.
    if index >= first, index - first < count, call != .close { return code }
    return call == .createUnnamed && !hasUnnamedFiles ? EOPNOTSUPP : nil
  }
}

/// How an output is written in these tests.
struct WriterCase: CustomStringConvertible, Sendable {
  let hasUnnamedFiles: Bool
  /// Whether there is a file to replace.
  let replaces: Bool

  var description: String {
    "\(replaces ? "replacing a file" : "a new file"), \(hasUnnamedFiles ? "with" : "without") unnamed files"
  }

  static let all = [false, true].flatMap { unnamed in
    [false, true].map { WriterCase(hasUnnamedFiles: unnamed, replaces: $0) }
  }
}

@Suite("Faults while a file is written")
struct WriterFaultTests {
  private static let old: [UInt8] = [1, 2, 3]
  private static let new = [UInt8](repeating: 7, count: 10_000)

  /// Writes a file in two pieces under faults.
  /// - Returns: the error, and how many system calls there were.
  private func write(
    _ path: String, _ example: WriterCase, failingFrom first: Int, count: Int, code: Int32
  ) -> (error: FileError?, calls: Int) {
    let plan = FaultPlan(first: first, count: count, code: code, hasUnnamedFiles: example.hasUnnamedFiles)
    var failure: FileError?
    do throws(FileError) {
      var file = try AtomicFile(path: path, calls: FileCalls { plan.fault($0) })
      try file.append(Array(Self.new[..<5000]))
      try file.append(Array(Self.new[5000...]))
      try file.commit()
    } catch { failure = error }
    return (failure, plan.made.load(ordering: .relaxed))
  }

  private func folder(_ example: WriterCase) throws -> ScratchFolder {
    let scratch = try ScratchFolder()
    if example.replaces { try AtomicFile.save(Self.old, to: scratch.file("out")) }
    return scratch
  }

  @Test(
    "Whichever system call fails, the old file is whole or the new one is, and nothing else is left",
    arguments: WriterCase.all, [ENOSPC, EIO, EROFS, EACCES, EDQUOT, EFBIG])
  func failure(_ example: WriterCase, _ code: Int32) throws {
    var index = 0
    while true {
      let scratch = try folder(example)
      let (error, calls) = write(scratch.file("out"), example, failingFrom: index, count: 1, code: code)
      let found = scratch.bytes("out")
      #expect(found == Self.new || found == (example.replaces ? Self.old : nil), "call \(index)")
      if error == nil { #expect(found == Self.new, "call \(index)") }
      // A temporary name that may not be taken away is the one thing that stays.
      let hidden = try scratch.names.filter { $0 != "out" }
      #expect(hidden.isEmpty, "call \(index)")
      if let error { #expect(error.path == scratch.file("out")) }
      index += 1
      if index > calls { break }
    }
    #expect(index > 6)
  }

  @Test(
    "Killed at any system call, the old file is whole or the new one is, and the next writer leaves no other file",
    arguments: WriterCase.all)
  func kill(_ example: WriterCase) throws {
    var index = 0
    while true {
      let scratch = try folder(example)
      let (_, made) = write(scratch.file("out"), example, failingFrom: index, count: .max, code: EIO)
      let found = scratch.bytes("out")
      #expect(found == Self.new || found == (example.replaces ? Self.old : nil), "call \(index)")
      let hidden = try scratch.names.filter { $0 != "out" }
      #expect(hidden.count <= 1 && hidden.allSatisfy { $0.hasPrefix(".vit-quant-") }, "call \(index)")
      if example.hasUnnamedFiles, !example.replaces { #expect(hidden.isEmpty, "call \(index)") }
      let calls = example.hasUnnamedFiles ? FileCalls.system : .withoutUnnamedFiles
      try AtomicFile.save(Self.new, to: scratch.file("out"), calls: calls)
      #expect(scratch.bytes("out") == Self.new)
      // A file without a name never meets the abandoned one when there is no file to replace.
      if !hidden.isEmpty { try AtomicFile.save(Self.new, to: scratch.file("out")) }
      #expect(try scratch.names == ["out"], "call \(index)")
      index += 1
      if index > made { break }
    }
  }

  @Test("A file of another program with the temporary name of an output is left alone while it is locked")
  func lockedName() throws {
    let scratch = try ScratchFolder()
    let path = scratch.file("out")
    var first = try AtomicFile(path: path, calls: .withoutUnnamedFiles)
    try first.append([1])
    let taken = try scratch.names
    #expect(taken.count == 1)
    try AtomicFile.save([2], to: path, calls: .withoutUnnamedFiles)
    #expect(try Set(scratch.names) == Set(taken + ["out"]))
    try first.commit()
    #expect(scratch.bytes("out") == [1])
    #expect(try scratch.names == ["out"])
  }
}
