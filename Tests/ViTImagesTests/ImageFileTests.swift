import Foundation
import Testing

@testable import ViTImages

@Suite("Image files")
struct ImageFileTests {
  @Test("A file is loaded by what it holds, from its path")
  func path() throws {
    let photo = try Fixture.image("preprocess/photo.ppm")
    #expect(photo.width == 301 && photo.height == 200 && photo.channels == 3)
  }

  @Test("A pipe is read to its end")
  func pipe() throws {
    let pipe = Pipe()
    let bytes = try Fixture.bytes("images/gray.pgm")
    try pipe.fileHandleForWriting.write(contentsOf: bytes)
    try pipe.fileHandleForWriting.close()
    #expect(try ImageFile.bytes(descriptor: pipe.fileHandleForReading.fileDescriptor) == bytes)
  }

  @Test("A missing file, a folder and an endless one are errors")
  func unreadable() throws {
    let missing = try #require(throws: ImageError.self) { try Image(path: Fixture.path("nowhere.png")) }
    #expect(
      missing.message(file: "nowhere.png")
        == "cannot read the image: No such file or directory, in nowhere.png, a readable image file is needed")
    let folder = try #require(throws: ImageError.self) { try Image(path: Fixture.path("preprocess")) }
    #expect(folder.message().contains("Is a directory"))
    let endless = try FileHandle(forReadingFrom: URL(filePath: "/dev/zero"))
    #expect(throws: ImageError.fileTooLarge(limit: 1_000_000)) {
      try ImageFile.bytes(descriptor: endless.fileDescriptor, limit: 1_000_000)
    }
  }

  @Test("The limit on pixels can be set")
  func limit() throws {
    let bytes = try Fixture.bytes("preprocess/photo.ppm")
    #expect(throws: ImageError.pixels(width: 301, height: 200, limit: 60199)) {
      try Image(decoding: bytes, maximumPixels: 60199)
    }
    #expect(try Image(decoding: bytes, maximumPixels: 60200).width == 301)
  }

  @Test("Planes become interleaved pixels")
  func planes() throws {
    let size = try ImageSize(width: 2, height: 1)
    let image = try Image(size: size, channels: 3, planes: [1, 2, 10, 20, 100, 200][...])
    #expect(image.pixels == [1, 10, 100, 2, 20, 200])
    #expect(throws: ImageError.sampleCount(found: 5, needed: 6)) {
      try Image(size: size, channels: 3, planes: [1, 2, 3, 4, 5])
    }
    #expect(throws: ImageError.channels(found: 4)) {
      try Image(size: size, channels: 4, planes: [UInt8](repeating: 0, count: 8))
    }
  }
}
