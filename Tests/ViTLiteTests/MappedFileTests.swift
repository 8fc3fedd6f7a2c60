import TestSupport
import Testing

@testable import ViTLite

@Suite("Mapped files")
struct MappedFileTests {
  @Test("A file is mapped with the bytes that were written")
  func contents() throws {
    let path = try temporaryFile([1, 2, 3])
    defer { removeFile(path) }
    let file = try MappedFile(path: path)
    #expect(file.count == 3)
    #expect(file.withBytes { $0.copied() } == [1, 2, 3])
  }

  @Test("A file beyond the limit of a reader is refused")
  func limit() throws {
    let path = try temporaryFile([1, 2, 3])
    defer { removeFile(path) }
    #expect(try MappedFile.contents(of: path, limit: 3) == [1, 2, 3])
    #expect(throws: FileError.self) { try MappedFile.contents(of: path, limit: 2) }
  }

  @Test("An empty file has no bytes")
  func empty() throws {
    let path = try temporaryFile([])
    defer { removeFile(path) }
    #expect(try MappedFile(path: path).withBytes { $0.byteCount } == 0)
  }

  @Test("What cannot be read is named")
  func unreadable() {
    let missing = FileError(
      message: "cannot open: No such file or directory", path: "/nonexistent/x", expected: "a file that can be read")
    #expect(throws: missing) {
      try MappedFile(path: "/nonexistent/x")
    }
    #expect(throws: FileError(message: "cannot read a directory, expected a file", path: "/")) {
      try MappedFile(path: "/")
    }
    #expect(throws: FileError.self) { try MappedFile(path: "/dev/null") }
  }
}
