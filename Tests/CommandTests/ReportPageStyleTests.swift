import Foundation
import Testing

@testable import vit_quant

@Suite("Colors of the drift page")
struct ReportPageStyleTests {
  /// The variables of the light, the dark and the printed page.
  private static let palettes: [[String: String]] = {
    let roots = PageStyle.css.matches(of: /:root \{([^}]*)\}/).map { root in
      Dictionary(
        uniqueKeysWithValues: root.1.matches(of: /--([a-z0-9]+): (#[0-9a-f]+)/).map { (String($0.1), String($0.2)) })
    }
    return roots.map { (roots.first ?? [:]).merging($0) { $1 } }
  }()

  /// Relative luminance as WCAG 2.2 defines it.
  private static func luminance(_ color: String) -> Double {
    let digits = color.dropFirst()
    let long = digits.count == 3 ? digits.map { "\($0)\($0)" }.joined() : String(digits)
    let value = Int(long, radix: 16) ?? 0
    let channels = [16, 8, 0].map { shift -> Double in
      let channel = Double(value >> shift & 255) / 255
      return channel <= 0.04045 ? channel / 12.92 : pow((channel + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
  }

  private func contrast(_ palette: [String: String], _ first: String, _ second: String) throws -> Double {
    let pair = [Self.luminance(try #require(palette[first])), Self.luminance(try #require(palette[second]))].sorted()
    return (pair[1] + 0.05) / (pair[0] + 0.05)
  }

  @Test("Texts have a contrast of 4.5 to 1, drawings one of 3 to 1, on the light, the dark and the printed page")
  func contrasts() throws {
    #expect(Self.palettes.count == 3)
    #expect(abs(try contrast(["a": "#000", "b": "#ffffff"], "a", "b") - 21) < 1e-9)
    let onPaper = ["ink", "quiet", "good", "watch", "bad"]
    let texts = onPaper.flatMap { [($0, "paper"), ($0, "box")] } + (0...5).map { ("ink", "h\($0)") }
    let drawings = [("bar", "paper"), ("dot", "paper"), ("quiet", "paper")]
    for palette in Self.palettes {
      for (front, back) in texts { #expect(try contrast(palette, front, back) >= 4.5, "\(front) on \(back)") }
      for (front, back) in drawings { #expect(try contrast(palette, front, back) >= 3, "\(front) on \(back)") }
    }
  }
}
