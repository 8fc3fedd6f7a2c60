import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Files that other implementations wrote, bundled with the tests.
enum GoldenFiles {
  static let folder: String = {
    // The bundle's own accessor needs Foundation, which these tests can do without.
    let source = #filePath
    let slash = source.lastIndex(of: "/") ?? source.startIndex
    return source[..<slash] + "/Golden"
  }()

  static func path(_ name: String) -> String { "\(folder)/\(name)" }
}
