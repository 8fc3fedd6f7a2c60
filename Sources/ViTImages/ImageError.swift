/// Why an image cannot be read or prepared. The description says what was found, where, and what would be valid.
public enum ImageError: Error, Equatable, Sendable {
  /// The file cannot be opened or read; `reason` is the operating system's.
  case unreadable(reason: String)
  /// `limit` is in bytes.
  case fileTooLarge(limit: Int)
  case empty
  /// The first bytes belong to no known format. They are fewer than 16 only where the file has no more.
  case unknownFormat(firstBytes: [UInt8])
  case malformed(ImageFormat, found: String, offset: Int, valid: String)
  /// What libpng, libjpeg-turbo or libwebp says of the file.
  case undecodable(ImageFormat, reason: String)
  /// More than one picture.
  case animated(ImageFormat)
  /// The program was built without the trait that brings the decoder.
  case decoderLeftOut(ImageFormat)
  /// A side that no image has.
  case side(width: Int, height: Int)
  /// `limit` is the largest number of pixels.
  case pixels(width: Int, height: Int, limit: Int)
  /// Neither gray nor color.
  case channels(found: Int)
  case sampleCount(found: Int, needed: Int)
  /// The model file does not say how images are prepared.
  case noPreprocessing
  /// The model's preprocessing leads to another size than the model reads.
  case preprocessedSize(width: Int, height: Int, modelWidth: Int, modelHeight: Int)
}

extension ImageError: CustomStringConvertible {
  public var description: String { message() }

  /// One line: what was found, where, and what would be valid.
  /// - Parameter format: what the file is, where this module knows no such format.
  package func message(file: String? = nil, format: String? = nil) -> String {
    let place = [offset.map { "at byte \($0)" }, file.map { "in \($0)" }].compactMap { $0 }.joined(separator: " ")
    return [format ?? found, place, valid].filter { !$0.isEmpty }.joined(separator: ", ")
  }

  private var offset: Int? {
    if case .malformed(_, _, let offset, _) = self { return offset }
    return nil
  }

  private var found: String {
    switch self {
    case .unreadable(let reason): "cannot read the image: \(reason)"
    case .fileTooLarge: "the image file is too large"
    case .empty: "the image file is empty"
    case .unknownFormat(let firstBytes) where firstBytes.count < ImageFormat.firstByteCount:
      "unknown image format, the whole file is \(hexadecimal(firstBytes))"
    case .unknownFormat(let firstBytes): "unknown image format, first bytes \(hexadecimal(firstBytes))"
    case .malformed(let format, let found, _, _): "damaged \(format.rawValue): \(found)"
    case .undecodable(let format, let reason): "damaged or unsupported \(format.rawValue): \(reason)"
    case .animated(let format): "an animated \(format.rawValue)"
    case .decoderLeftOut(let format): "this build cannot read \(format.rawValue)"
    case .side(let width, let height): "an image of \(width) x \(height) pixels"
    case .pixels(let width, let height, _): "an image of \(width) x \(height) pixels"
    case .channels(let found): "an image with \(found) channel\(found == 1 ? "" : "s")"
    case .sampleCount(let found, _): "\(found) samples for an image"
    case .noPreprocessing: "the model does not say how images are prepared"
    case .preprocessedSize(let width, let height, _, _): "\(height) x \(width) pixels after preprocessing"
    }
  }

  private var valid: String {
    switch self {
    case .unreadable: "a readable image file is needed"
    case .fileTooLarge(let limit): "at most \(limit) bytes are read"
    case .empty, .unknownFormat: "valid are PNG, JPEG, WebP, PPM and PGM"
    case .malformed(_, _, _, let valid): valid
    case .undecodable(let format, _): "a complete \(format.rawValue) file is needed"
    case .animated: "a file of one picture is needed"
    case .decoderLeftOut:
      "PPM and PGM can be read; for PNG, JPEG and WebP build with the trait ImageCodecs (`swift build`, traits not disabled)"
    case .side: "each side can have 1 to \(ImageSize.maximumSide)"
    case .pixels(_, _, let limit): "the limit is \(limit) pixels"
    case .channels: "valid are 1 and 3"
    case .sampleCount(_, let needed): "its size and channels need \(needed)"
    case .noPreprocessing: "expected one calibrated from a checkpoint with a preprocessor_config.json"
    case .preprocessedSize(_, _, let width, let height): "expected \(height) x \(width) as the model has"
    }
  }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}
