import CVitQuant
import Int8Kernels
import ViTLite

// A `vitquant_session *` is a retained `SessionHandle`. What the functions do is said in vitquant.h.

@_cdecl("vitquant_abi_version")
public func abiVersion() -> UInt32 { UInt32(VITQUANT_ABI_VERSION) }

/// A session, the memory that was allocated for it, and whether it has run.
final class SessionHandle {
  let session: InferenceSession
  /// nil when the caller lends the arena.
  private let arena: AlignedMemory?
  /// nil for nearly all models.
  let levels: PixelLevels?
  var hasResult = false

  init(_ session: InferenceSession, arena: AlignedMemory?) throws(Failure) {
    self.session = session
    self.arena = arena
    levels = try PixelLevels(session.model)
  }
}

/// The session of a handle.
func session(of handle: OpaquePointer?) throws(Failure) -> SessionHandle {
  guard let handle = unsafe handle else { throw .argument("NULL as session, expected a session that is open") }
  return unsafe Unmanaged<SessionHandle>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// What a caller asks of a session, checked.
private struct SessionOptions {
  var plan = PlanKind.fast
  var threads = 1
  /// nil for all.
  var weightBytes: Int?
  /// nil for the fastest.
  var instructionSet: InstructionSet?

  init(_ pointer: UnsafePointer<vitquant_session_options>?) throws(Failure) {
    guard let options = unsafe pointer?.pointee else { return }
    let size = unsafe MemoryLayout<vitquant_session_options>.size
    guard unsafe options.struct_size == size else {
      throw unsafe .argument("\(options.struct_size) as struct_size of the options, expected \(size)")
    }
    switch unsafe Int32(bitPattern: options.plan) {
    case VITQUANT_PLAN_FAST: plan = .fast
    case VITQUANT_PLAN_LEAN: plan = .lean
    case let found:
      throw .argument(
        "plan \(UInt32(bitPattern: found)), expected \(VITQUANT_PLAN_FAST) or \(VITQUANT_PLAN_LEAN)")
    }
    threads = try unsafe Self.threads(options.threads)
    if unsafe options.weight_bytes > 0 { weightBytes = unsafe Int(exactly: options.weight_bytes) ?? .max }
    if let name = unsafe options.instruction_set {
      let name = unsafe String(cString: name)
      guard let set = InstructionSet(name: name) else {
        let names = InstructionSet.available.map(\.name).joined(separator: ", ")
        throw .argument("instruction set \"\(name)\", expected one of \(names)")
      }
      instructionSet = set
    }
  }

  static func threads(_ found: UInt32) throws(Failure) -> Int {
    guard found <= 256 else { throw .argument("\(found) threads, expected 1 to 256") }
    return ForwardPlan.workers(forThreads: Int(found))
  }

  func plan(_ model: IntegerModel) -> ForwardPlan { ForwardPlan(model, kind: plan, workers: threads) }
}

@_cdecl("vitquant_arena_size")
public func arenaSize(
  handle: OpaquePointer?, options: UnsafePointer<vitquant_session_options>?, size: UnsafeMutablePointer<Int>?,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let model = try unsafe model(of: handle)
    let target = try unsafe required(size, "size")
    unsafe target.pointee = try SessionOptions(options).plan(model).arenaByteCount
  }
}

@_cdecl("vitquant_minimum_weight_bytes")
public func minimumWeightBytes(
  handle: OpaquePointer?, threads: UInt32, size: UnsafeMutablePointer<UInt64>?,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let model = try unsafe model(of: handle)
    let target = try unsafe required(size, "size")
    let threads = try SessionOptions.threads(threads)
    unsafe target.pointee = UInt64(InferenceSession.minimumWeightBytes(model, threads: threads))
  }
}

@_cdecl("vitquant_session_create")
public func sessionCreate(
  handle: OpaquePointer?, options: UnsafePointer<vitquant_session_options>?, arena: UnsafeMutableRawPointer?,
  arenaSize: Int, result: UnsafeMutablePointer<OpaquePointer?>?, error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let target = try unsafe required(result, "session")
    unsafe target.pointee = nil
    let model = try unsafe model(of: handle)
    let options = try unsafe SessionOptions(options)
    guard options.weightBytes == nil || model.canReleaseWeights else {
      throw .argument("weight_bytes for a model in memory, expected 0 or a model that was opened by its path")
    }
    var memory = unsafe UnsafeMutableRawBufferPointer(start: arena, count: max(arenaSize, 0))
    var owned: AlignedMemory?
    if unsafe arena == nil {
      let plan = options.plan(model)
      do throws(InferenceError) { try plan.checkMemory() } catch { throw Failure(error) }
      let own = try AlignedMemory(byteCount: plan.arenaByteCount, for: "the arena")
      owned = own
      unsafe memory = unsafe own.bytes
    }
    let session = try unsafe makeSession(model, options, memory)
    // Makes the tables of the checksum, so that no later call allocates them.
    _ = session.result.crc32
    let handle = try SessionHandle(session, arena: owned)
    unsafe target.pointee = OpaquePointer(Unmanaged.passRetained(handle).toOpaque())
  }
}

private func makeSession(
  _ model: IntegerModel, _ options: SessionOptions, _ arena: UnsafeMutableRawBufferPointer
) throws(Failure) -> InferenceSession {
  do throws(InferenceError) {
    return try unsafe InferenceSession(
      model: model, instructionSet: options.instructionSet ?? .fastest, threads: options.threads, plan: options.plan,
      arena: arena, weightBytes: options.weightBytes)
  } catch { throw Failure(error) }
}

@_cdecl("vitquant_session_close")
public func sessionClose(handle: OpaquePointer?) {
  guard let handle = unsafe handle else { return }
  unsafe Unmanaged<SessionHandle>.fromOpaque(UnsafeRawPointer(handle)).release()
}

@_cdecl("vitquant_session_threads")
public func sessionThreads(handle: OpaquePointer?) -> UInt32 {
  guard let found = try? unsafe session(of: handle) else { return 0 }
  return UInt32(truncatingIfNeeded: found.session.threads)
}

@_cdecl("vitquant_session_instruction_set")
public func sessionInstructionSet(handle: OpaquePointer?) -> UnsafePointer<CChar>? {
  guard let found = try? unsafe session(of: handle) else { return nil }
  return unsafe found.session.instructionSet.nameForC
}

@_cdecl("vitquant_session_run")
public func sessionRun(
  handle: OpaquePointer?, pixels: UnsafePointer<UInt8>?, count: Int, error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let found = try unsafe session(of: handle)
    guard let pixels = unsafe pixels else { throw .argument("NULL as pixels, expected an address") }
    let expected = found.session.model.configuration.imageElements
    guard count == expected else { throw Failure(InferenceError.pixelCount(found: count, expected: expected)) }
    let image = unsafe UnsafeBufferPointer(start: pixels, count: count)
    do throws(InferenceError) {
      try unsafe found.session.run(inPlace: found.levels?.map(image) ?? image)
    } catch { throw Failure(error) }
    found.hasResult = true
  }
}
