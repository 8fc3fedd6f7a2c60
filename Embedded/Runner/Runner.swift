import Int8Kernels
import ViTLite

/// Runs a model on images and prints one line of JSON, on every target the same.
@safe
struct Runner {
  let model: IntegerModel
  let session: InferenceSession

  /// - Parameters:
  ///   - bytes: the model file, read in place.
  ///   - instructionSet: what `vit-quant --isa` takes; the fastest by default.
  init(model bytes: UnsafeRawBufferPointer, instructionSet: String?) throws(RunnerError) {
    let set = instructionSet.map { InstructionSet(name: $0) } ?? .fastest
    guard let set else { throw RunnerError("no such instruction set, \(instructionSet ?? "")") }
    do throws(IntegerModelError) { model = try unsafe IntegerModel(borrowing: bytes) } catch {
      throw RunnerError("\(error)")
    }
    do throws(InferenceError) { session = try InferenceSession(model: model, instructionSet: set) } catch {
      throw RunnerError("\(error)")
    }
  }

  /// The CRC-32 of each image's logits.
  ///
  /// - Parameter images: one after another, each `channels x height x width` bytes.
  func checksums(_ images: UnsafeRawBufferPointer) throws(RunnerError) -> [UInt32] {
    let configuration = model.configuration
    let size = configuration.channels * configuration.imageHeight * configuration.imageWidth
    guard !images.isEmpty, images.count % size == 0 else {
      throw RunnerError("\(images.count) bytes of images, expected a multiple of \(size)")
    }
    var checksums: [UInt32] = []
    for first in stride(from: 0, to: images.count, by: size) {
      let pixels = unsafe [UInt8](images[first..<first + size])
      do throws(InferenceError) { checksums.append(try session.run(pixels).crc32) } catch {
        throw RunnerError("\(error)")
      }
    }
    return checksums
  }

  /// `{"isa":"neon","crc32":[1,2],"arena_bytes":3}`, with more keys from the target.
  func line(_ checksums: [UInt32], _ more: [(key: String, value: Int)]) -> String {
    var line = "{\"isa\":\"\(session.instructionSet.name)\",\"crc32\":["
    for (index, checksum) in checksums.enumerated() { line += index > 0 ? ",\(checksum)" : "\(checksum)" }
    line += "],\"arena_bytes\":\(session.arenaByteCount)"
    for (key, value) in more { line += ",\"\(key)\":\(value)" }
    return line + "}"
  }
}

/// What went wrong, in words.
struct RunnerError: Error {
  let message: String

  init(_ message: String) { self.message = message }
}
