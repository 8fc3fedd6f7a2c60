import Testing

@testable import Quant

@Suite("Formats of files")
struct FileFormatTests {
  private static func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test(
    "A file is named as what its first bytes say, whatever it is called",
    arguments: [
      ([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0], "a GGUF file"),
      ([0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20], "a PyTorch checkpoint"),
      ([0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 26) + ascii("archive/data.pkl"), "a PyTorch checkpoint"),
      ([0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 26) + ascii("images.npy"), "a NumPy archive"),
      ([0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 26) + ascii("a.txt"), "a zip archive"),
      ([0x08, 0x08, 0x12, 0x07] + ascii("pytorch"), "an ONNX model"),
      ([0x89] + ascii("HDF\r\n\u{1A}\n"), "an HDF5 file, as Keras writes them"),
      ([0x1C, 0, 0, 0] + ascii("TFL3"), "a TensorFlow Lite model"),
      (ascii("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
      (ascii("RIFF\u{10}\0\0\0WEBPVP8 "), "a WebP image"),
      (ascii("GIF89a"), "a GIF image"),
      (ascii("II") + [0x2A, 0], "a TIFF image"),
      (ascii("MM") + [0, 0x2A], "a TIFF image"),
      ([0, 0, 0, 0x18] + ascii("ftypheic"), "a HEIC image"),
      ([0, 0, 0, 0x18] + ascii("ftypmif1"), "a HEIC image"),
      ([0, 0, 0, 0x1C] + ascii("ftypavif"), "an AVIF image"),
      ([0, 0, 0, 0x18] + ascii("ftypisom"), "a video"),
      ([0x89] + ascii("PNG\r\n\u{1A}\n"), "a PNG image"),
      ([0xFF, 0xD8, 0xFF, 0xE0], "a JPEG image"),
      (ascii("P6\n2 2 255\n"), "a Netpbm image"),
      (ascii("{\n  \"model_type\": \"vit\"}"), "a JSON file"),
      (ascii("\n<!DOCTYPE html>"), "an HTML page"),
      ([], "an empty file"),
    ] as [([UInt8], String)])
  func firstBytes(_ bytes: [UInt8], _ name: String) {
    for path in ["model", "model.safetensors", "folder/photo.jpg"] {
      #expect(FileFormat(firstBytes: bytes, path: path)?.name == name)
    }
  }

  @Test("Formats without first bytes of their own are named by the file's ending")
  func endings() {
    #expect(FileFormat(firstBytes: [0x0A, 1], path: "a/model.ONNX")?.kind == .onnx)
    #expect(FileFormat(firstBytes: [0x80, 4, 0x95], path: "weights.pth")?.kind == .pyTorch)
    #expect(FileFormat(firstBytes: [0x80, 4, 0x95], path: "weights") == nil)
    #expect(FileFormat(firstBytes: Self.ascii("hello"), path: "model.bin") == nil)
    #expect(FileFormat(path: "/nowhere/model.onnx") == nil)
  }

  @Test(
    "The length with which a safetensors file begins is taken for no other format",
    arguments: [0x4D42, 0x0AFF, 0x8B1F, 0x002A_4949, 0x00FF_D8FF, 2] as [UInt64])
  func safetensorsLength(_ length: UInt64) {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Self.ascii("{\"a\":")
    #expect(FileFormat(firstBytes: bytes, path: "model.safetensors")?.kind == .safetensors)
  }
}
