import ViTLite

/// What turns an image's pixels into those that the model reads, for the few models where the two differ: those that
/// were calibrated on values beyond what their preprocessing gives.
@safe
final class PixelLevels {
  /// The model's pixel for each of an image: channels x 256.
  private let levels: [UInt8]
  /// The pixels of an image as the model reads them: channels x pixels of a plane.
  private let memory: AlignedMemory

  /// nil for a model that reads an image's pixels as they are.
  init?(_ model: IntegerModel) throws(Failure) {
    let configuration = model.configuration
    let all = (0..<configuration.channels).flatMap { _ in UInt8.min...UInt8.max }
    levels = model.pixels(ofPreprocessed: all)
    guard levels != all else { return nil }
    memory = try AlignedMemory(byteCount: configuration.imageElements, for: "the pixels")
  }

  /// The pixels that the model reads, until the next call. Allocates nothing.
  @unsafe
  func map(_ pixels: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    let target = unsafe memory.bytes
    let plane = max(1, pixels.count / max(1, levels.count / 256))
    for index in 0..<min(pixels.count, target.count) {
      unsafe target[index] = levels[index / plane * 256 + Int(pixels[index])]
    }
    return unsafe UnsafeBufferPointer(target.bindMemory(to: UInt8.self))
  }
}
