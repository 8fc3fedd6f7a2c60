import Int8Kernels
import Quant
import ViTLite

/// An image as small as a report shows it: the pixels that the models read.
struct Thumbnail: Sendable {
  /// The longer side, in pixels.
  private static let side = 72

  let width: Int
  let height: Int
  /// 1 for gray, 3 for color; rows from top to bottom, samples of a pixel together.
  private let channels: Int
  private let samples: [UInt8]

  /// - Parameter pixels: `channels x height x width`.
  init(pixels: [UInt8], channels count: Int, height: Int, width: Int) {
    let scale = max(1, (max(height, width) + Self.side - 1) / Self.side)
    self.height = max(height / scale, 1)
    self.width = max(width / scale, 1)
    channels = count >= 3 ? 3 : 1
    var samples: [UInt8] = []
    for row in 0..<self.height {
      for column in 0..<self.width {
        for channel in 0..<channels {
          var sum = 0
          for y in row * scale..<min((row + 1) * scale, height) {
            for x in column * scale..<min((column + 1) * scale, width) {
              sum += Int(pixels[(channel * height + y) * width + x])
            }
          }
          samples.append(UInt8(truncatingIfNeeded: sum / (scale * scale)))
        }
      }
    }
    self.samples = samples
  }

  /// For the `src` of an image.
  var dataAddress: String { "data:image/png;base64," + Self.base64(png.bytes) }

  private var png: PNGFile { PNGFile(width: width, height: height, channels: channels, samples: samples) }

  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = 0
      for index in 0..<3 { bits = bits << 8 | (index < group.count ? Int(group[start + index]) : 0) }
      for index in 0..<4 {
        text.append(index <= group.count ? digits[bits >> (18 - 6 * index) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
