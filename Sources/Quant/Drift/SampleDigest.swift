import ViTLite

/// Identifies images by what a model reads of them.
///
/// The digest of one image is the 64-bit FNV-1a hash of its pixels, or of its values as little-endian fp32. That of many
/// is the sum of theirs, modulo 2^64: it does not depend on their order, and those of two parts add up to that of the
/// whole.
package enum SampleDigest {
  private static let prime: UInt64 = 0x100_0000_01b3
  private static let basis: UInt64 = 0xcbf2_9ce4_8422_2325

  package static func of(_ sample: Sample) -> UInt64 {
    switch sample {
    case .pixels(let pixels): pixels.reduce(basis) { ($0 ^ UInt64($1)) &* prime }
    case .values(let values):
      values.reduce(basis) { hash, value in
        var hash = hash
        for shift in stride(from: 0, to: 32, by: 8) {
          hash = (hash ^ UInt64(value.bitPattern >> UInt32(shift) & 0xFF)) &* prime
        }
        return hash
      }
    }
  }

  /// 16 hexadecimal digits.
  package static func text(_ digest: UInt64) -> String {
    let digits = String(digest, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
