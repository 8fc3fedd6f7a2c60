import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

@Suite("Atomic files")
struct AtomicFileTests {
  @Test("A path at which no file can be is refused")
  func unwritable() {
    #expect(throws: FileError.self) { try AtomicFile.save([1], to: "/nonexistent/x") }
    #expect(throws: FileError.self) { try AtomicFile.save([1], to: "/") }
  }

  @Test("Without a commit the old file stays")
  func commit() throws {
    let path = try temporaryFile([1])
    defer { removeFile(path) }
    func writeAndLose() throws(FileError) {
      var file = try AtomicFile(path: path)
      try file.append([2, 3])
    }
    try writeAndLose()
    #expect(try MappedFile.contents(of: path, limit: 10) == [1])
    try AtomicFile.save([4, 5], to: path)
    #expect(try MappedFile.contents(of: path, limit: 10) == [4, 5])
  }

  @Test("A device is written in place")
  func device() throws {
    try AtomicFile.save([1], to: "/dev/null")
    #expect(FileKind(of: "/dev/null") == .other)
  }
}
