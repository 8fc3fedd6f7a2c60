import Int8Kernels
import ViTLite

/// Runs a model on images and prints one line of JSON, on every target the same.
struct Runner {
  let model: IntegerModel
  let session: InferenceSession

  /// - Parameters:
  ///   - bytes: the model file, read in place.
  ///   - source: where parts of the file can be read from again; nil where it is all in memory.
  ///   - instructionSet: what `vit-quant --isa` takes.
  ///   - plan: the lean one has as few weights in memory as it can.
  init(
    model bytes: UnsafeRawBufferPointer, _ source: WeightSource? = nil, instructionSet name: String = "auto",
    plan: PlanKind = .lean
  ) throws(RunnerError) {
    guard let set = name == "auto" ? .fastest : InstructionSet(name: name) else {
      throw RunnerError("instruction set \(name), expected auto or one that vit-quant --help names")
    }
    do throws(IntegerModelError) {
      model = try makingModel { () throws(IntegerModelError) in
        if let source { try IntegerModel(borrowing: bytes, source) } else { try IntegerModel(borrowing: bytes) }
      }
    } catch { throw RunnerError("\(error)") }
    // A product of four panels is the smallest that kernels are made for.
    let weightBytes = plan == .lean ? 4 * InferenceSession.minimumWeightBytes(model, threads: 1) : nil
    do throws(InferenceError) {
      session = try InferenceSession(model: model, instructionSet: set, plan: plan, weightBytes: weightBytes)
    } catch { throw RunnerError("\(error)") }
  }

  /// The CRC-32 of each image's logits.
  ///
  /// - Parameter images: one after another, each `channels x height x width` bytes.
  func checksums(_ images: UnsafeRawBufferPointer) throws(RunnerError) -> [UInt32] {
    let size = model.configuration.imageElements
    guard !images.isEmpty, images.count % size == 0 else {
      throw RunnerError("\(images.count) bytes of images, expected a multiple of \(size)")
    }
    var checksums: [UInt32] = []
    for first in stride(from: 0, to: images.count, by: size) {
      let pixels = UnsafeRawBufferPointer(rebasing: images[first..<first + size]).assumingMemoryBound(to: UInt8.self)
      do throws(InferenceError) { checksums.append(try session.run(pixels.span).crc32) } catch {
        throw RunnerError("\(error)")
      }
    }
    return checksums
  }

  /// `{"isa":"neon","crc32":[1,2],"plan":"lean","arena_bytes":3}`, with more keys from the target.
  func line(_ checksums: [UInt32], _ more: [(key: String, value: Int)]) -> String {
    var line = "{\"isa\":\"\(session.instructionSet.name)\",\"crc32\":["
    for (index, checksum) in checksums.enumerated() { line += index > 0 ? ",\(checksum)" : "\(checksum)" }
    line += "],\"plan\":\"\(session.plan.kind.rawValue)\",\"arena_bytes\":\(session.plan.arenaByteCount)"
    for (key, value) in more { line += ",\"\(key)\":\(value)" }
    return line + "}"
  }
}

/// What went wrong, in words.
struct RunnerError: Error {
  let message: String

  init(_ message: String) { self.message = message }
}
