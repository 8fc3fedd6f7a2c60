import Foundation
import LibC
import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

/// A folder for one test, removed after it.
final class ScratchFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "vit-quant-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path(percentEncoded: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Names in the folder, hidden ones too.
  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

  func bytes(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: file(name)).map { Array($0) } }
}

@Suite("Atomic files")
struct AtomicFileTests {
  @Test("A path at which no file can be is refused", arguments: ["/nonexistent/x", "/", "/tmp/", "/tmp/..", ""])
  func unwritable(_ path: String) {
    #expect(throws: FileError.self) { try AtomicFile.save([1], to: path) }
  }

  @Test("Without a commit the old file stays")
  func commit() throws {
    let scratch = try ScratchFolder()
    let path = scratch.file("out")
    try AtomicFile.save([1], to: path)
    func writeAndLose() throws(FileError) {
      var file = try AtomicFile(path: path)
      try file.append([2, 3])
    }
    try writeAndLose()
    #expect(scratch.bytes("out") == [1])
    try AtomicFile.save([4, 5], to: path)
    #expect(scratch.bytes("out") == [4, 5])
    #expect(try scratch.names == ["out"])
  }

  @Test("A device is written in place")
  func device() throws {
    try AtomicFile.save([1], to: "/dev/null")
    #expect(FileKind(of: "/dev/null") == .other)
  }

  @Test("A pipe gets what is written, also through its descriptor's path")
  func pipes() throws {
    let pipe = Pipe()
    let writer = pipe.fileHandleForWriting
    try AtomicFile.save([1, 2], to: "/dev/fd/\(writer.fileDescriptor)")
    try AtomicFile.save([3], to: "/proc/self/fd/\(writer.fileDescriptor)")
    try writer.close()
    #expect(try pipe.fileHandleForReading.readToEnd() == Data([1, 2, 3]))
    #expect(throws: FileError.self) { try AtomicFile.save([1], to: "/dev/fd/987") }
  }

  @Test("A descriptor's file is written where the descriptor stands, as a shell's redirection needs it")
  func redirectedFile() throws {
    let scratch = try ScratchFolder()
    try AtomicFile.save([], to: scratch.file("log"))
    let handle = try #require(FileHandle(forWritingAtPath: scratch.file("log")))
    try handle.write(contentsOf: [1])
    try AtomicFile.save([2, 3], to: "/dev/fd/\(handle.fileDescriptor)")
    try handle.write(contentsOf: [4])
    #expect(scratch.bytes("log") == [1, 2, 3, 4])
  }

  @Test("A file that is replaced gives its permissions to the new one", arguments: [0o600, 0o640, 0o644, 0o755])
  func permissions(_ mode: Int) throws {
    let scratch = try ScratchFolder()
    let path = scratch.file("out")
    try AtomicFile.save([1], to: path)
    #expect(chmod(path, mode_t(mode)) == 0)
    for calls in [FileCalls.system, .withoutUnnamedFiles] {
      try AtomicFile.save([2], to: path, calls: calls)
      var status = stat()
      #expect(stat(path, &status) == 0)
      #expect(Int(status.st_mode & 0o777) == mode)
    }
  }

  @Test("A file that may not be written is not replaced", .enabled(if: geteuid() != 0, "root may write every file"))
  func writeProtected() throws {
    let scratch = try ScratchFolder()
    try AtomicFile.save([1], to: scratch.file("out"))
    #expect(chmod(scratch.file("out"), 0o444) == 0)
    #expect(throws: FileError.self) { try AtomicFile.save([2], to: scratch.file("out")) }
    #expect(scratch.bytes("out") == [1])
  }

  @Test("A symbolic link stays one, and its target is written, whether it exists or not")
  func symbolicLinks() throws {
    let scratch = try ScratchFolder()
    try FileManager.default.createDirectory(atPath: scratch.file("folder"), withIntermediateDirectories: true)
    #expect(symlink("folder/target", scratch.file("first")) == 0)
    #expect(symlink("first", scratch.file("second")) == 0)
    for bytes in [[1], [2]] as [[UInt8]] {
      try AtomicFile.save(bytes, to: scratch.file("second"))
      #expect(scratch.bytes("folder/target") == bytes)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch.file("second")) == "first")
    }
    #expect(try scratch.names == ["first", "folder", "second"])
    #expect(symlink("loop", scratch.file("loop")) == 0)
    #expect(throws: FileError.self) { try AtomicFile.save([1], to: scratch.file("loop")) }
  }

  @Test("The longest name that a file can have works")
  func longName() throws {
    let scratch = try ScratchFolder()
    let name = String(repeating: "n", count: 255)
    for bytes in [[1], [2]] as [[UInt8]] {
      for calls in [FileCalls.system, .withoutUnnamedFiles] {
        try AtomicFile.save(bytes, to: scratch.file(name), calls: calls)
        #expect(scratch.bytes(name) == bytes)
      }
    }
    #expect(try scratch.names == [name])
  }

  @Test("Writers of the same output at the same time all succeed, and the file is that of one of them")
  func manyWriters() throws {
    let scratch = try ScratchFolder()
    let path = scratch.file("out")
    for calls in [FileCalls.system, .withoutUnnamedFiles] {
      let results = concurrentMap(count: 64, threads: 8) { index in
        Result { () throws(FileError) in
          try AtomicFile.save([UInt8](repeating: UInt8(index), count: 4096), to: path, calls: calls)
        }
      }
      for result in results { #expect(throws: Never.self) { try result.get() } }
      let bytes = try #require(scratch.bytes("out"))
      #expect(bytes.count == 4096 && Set(bytes).count == 1)
      #expect(try scratch.names == ["out"])
    }
  }
}
