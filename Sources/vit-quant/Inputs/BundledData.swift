import Int8Kernels
import LibC
import Quant
import ViTLite

/// Finds the model and images that the repository ships.
enum BundledData {
  private static let name = "calibration/fashion-mnist"
  private static let longestPath = 4096

  /// The folder: where `VIT_QUANT_DATA` says, or under the working directory, or under a folder that the program is in.
  static func locate() throws(CommandError) -> String {
    if let path = Environment["VIT_QUANT_DATA"], !path.isEmpty {
      guard isData(path) else {
        throw .input("no model.safetensors, VIT_QUANT_DATA=\(path), expected the folder \(name) of the repository")
      }
      return path
    }
    if isData(name) { return name }
    var folder = executablePath ?? ""
    while let slash = folder.lastIndex(of: "/") {
      folder = String(folder[..<slash])
      let candidate = Folder.join(folder, name)
      if isData(candidate) { return candidate }
    }
    throw .input(
      "no bundled data, \(name) here or above the program, expected to run in the repository, "
        + "or VIT_QUANT_DATA with the folder's path")
  }

  private static func isData(_ path: String) -> Bool {
    FileKind(of: Folder.join(path, "model.safetensors")) == .file
  }

  /// Where this program is; nil where the system does not say.
  static var executablePath: String? {
    var buffer = [CChar](repeating: 0, count: longestPath)
    #if os(Linux)
      let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
      guard count > 0 else { return nil }
    #else
      var count = UInt32(buffer.count)
      guard _NSGetExecutablePath(&buffer, &count) == 0 else { return nil }
    #endif
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
