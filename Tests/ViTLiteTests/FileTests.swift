import LibC
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// A new file in the system's folder for temporary ones.
func temporaryFile(_ bytes: [UInt8]) throws(FileError) -> String {
  let path = "/tmp/vit-quant-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
  try AtomicFile.save(bytes, to: path)
  return path
}

func removeFile(_ path: String) { _ = unlink(path) }

@Suite struct FileTests {
  @Test func mapsWhatWasWritten() throws {
    let path = try temporaryFile([1, 2, 3])
    defer { removeFile(path) }
    let file = try MappedFile(path: path)
    #expect(file.count == 3)
    #expect(file.withBytes { $0.copied() } == [1, 2, 3])
    #expect(throws: FileError.self) { try MappedFile.contents(of: path, limit: 2) }
  }

  @Test func anEmptyFileHasNoBytes() throws {
    let path = try temporaryFile([])
    defer { removeFile(path) }
    #expect(try MappedFile(path: path).withBytes { $0.byteCount } == 0)
  }

  @Test func whatCannotBeReadIsNamed() {
    #expect(throws: FileError(message: "cannot open: No such file or directory", path: "/nonexistent/x")) {
      try MappedFile(path: "/nonexistent/x")
    }
    #expect(throws: FileError(message: "cannot read a directory, expected a file", path: "/")) {
      try MappedFile(path: "/")
    }
    #expect(throws: FileError.self) { try AtomicFile.save([1], to: "/nonexistent/x") }
    #expect(throws: FileError.self) { try AtomicFile.save([1], to: "/") }
  }

  @Test func withoutCommitTheOldFileStays() throws {
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

  @Test func aDeviceIsWrittenInPlace() throws {
    try AtomicFile.save([1], to: "/dev/null")
    #expect(throws: FileError.self) { try MappedFile(path: "/dev/null") }
  }
}
