import CVitQuant
import ViTLite

// A `vitquant_model *` is a retained `IntegerModel`. What the functions do is said in vitquant.h.

/// The model of a handle.
func model(of handle: OpaquePointer?) throws(Failure) -> IntegerModel {
  guard let handle = unsafe handle else { throw .argument("NULL as model, expected a model that is open") }
  return unsafe Unmanaged<IntegerModel>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// Opens a model, and gives its handle to the caller.
private func open(
  _ handle: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<vitquant_error>?,
  _ body: () throws(Failure) -> IntegerModel
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let target = try unsafe required(handle, "model")
    unsafe target.pointee = nil
    let model = try body()
    unsafe target.pointee = OpaquePointer(Unmanaged.passRetained(model).toOpaque())
  }
}

@_cdecl("vitquant_model_open_file")
public func modelOpenFile(
  path: UnsafePointer<CChar>?, handle: UnsafeMutablePointer<OpaquePointer?>?,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe open(handle, error) { () throws(Failure) in
    guard let path = unsafe path else { throw .argument("NULL as path, expected text") }
    do throws(IntegerModelError) {
      return try unsafe IntegerModel(path: String(cString: path))
    } catch { throw Failure(error) }
  }
}

@_cdecl("vitquant_guard_files")
public func guardFiles() { MappedFileGuard.install() }

@_cdecl("vitquant_model_open_memory")
public func modelOpenMemory(
  bytes: UnsafeRawPointer?, size: Int, handle: UnsafeMutablePointer<OpaquePointer?>?,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe open(handle, error) { () throws(Failure) in
    guard let bytes = unsafe bytes else { throw .argument("NULL as bytes, expected an address") }
    let remainder = UInt(bitPattern: bytes) % UInt(VITQUANT_ALIGNMENT)
    guard remainder == 0 else {
      throw .argument("bytes \(remainder) after a multiple of \(VITQUANT_ALIGNMENT), expected at a multiple")
    }
    // A size_t beyond what an array can have is negative here.
    guard size >= 0 else { throw .argument("\(UInt(bitPattern: size)) as size, expected at most \(Int.max)") }
    do throws(IntegerModelError) {
      return try unsafe IntegerModel(borrowing: UnsafeRawBufferPointer(start: bytes, count: size))
    } catch { throw Failure(error) }
  }
}

@_cdecl("vitquant_model_open_callback")
public func modelOpenCallback(
  read: vitquant_read?, context: UnsafeMutableRawPointer?, size: UInt64,
  handle: UnsafeMutablePointer<OpaquePointer?>?, error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe open(handle, error) { () throws(Failure) in
    guard let read = unsafe read else { throw .argument("NULL as read, expected a function") }
    guard let count = Int(exactly: size) else { throw .argument("\(size) as size, expected at most \(Int.max)") }
    let memory = try AlignedMemory(byteCount: count, for: "the model")
    let step = 1 << 20
    for first in stride(from: 0, to: count, by: step) {
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[first..<first + min(step, count - first)])
      let status = unsafe read(context, UInt64(first), part.baseAddress, part.count)
      guard status == 0 else {
        throw Failure(
          VITQUANT_ERROR_READ, "read returned \(status) for \(part.count) bytes, offset \(first), expected 0")
      }
    }
    do throws(IntegerModelError) {
      return try unsafe IntegerModel(borrowing: UnsafeRawBufferPointer(memory.bytes), keptBy: memory)
    } catch { throw Failure(error) }
  }
}

@_cdecl("vitquant_model_close")
public func modelClose(handle: OpaquePointer?) {
  guard let handle = unsafe handle else { return }
  unsafe Unmanaged<IntegerModel>.fromOpaque(UnsafeRawPointer(handle)).release()
}

@_cdecl("vitquant_model_verify")
public func modelVerify(handle: OpaquePointer?, error: UnsafeMutablePointer<vitquant_error>?) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let model = try unsafe model(of: handle)
    do throws(IntegerModelError) { try model.verify() } catch { throw Failure(error) }
  }
}

@_cdecl("vitquant_model_get_info")
public func modelGetInfo(
  handle: OpaquePointer?, info: UnsafeMutablePointer<vitquant_model_info>?, infoSize: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let model = try unsafe model(of: handle)
    let target = try unsafe required(info, "info")
    let size = MemoryLayout<vitquant_model_info>.size
    guard infoSize == size else { throw .argument("\(infoSize) as info_size, expected \(size)") }
    let configuration = model.configuration
    // The limits of models keep all of these far below 2^32.
    func count(_ value: Int) -> UInt32 { UInt32(truncatingIfNeeded: value) }
    unsafe target.pointee = vitquant_model_info(
      channels: count(configuration.channels), height: count(configuration.imageHeight),
      width: count(configuration.imageWidth), pixel_count: count(configuration.imageElements),
      class_count: count(configuration.classes),
      embedding_count: configuration.classes == 0 ? count(configuration.embeddingWidth) : 0,
      token_count: count(configuration.tokens), token_width: count(configuration.width),
      file_size: UInt64(model.byteCount))
  }
}

@_cdecl("vitquant_model_label")
public func modelLabel(
  handle: OpaquePointer?, index: UInt32, text: UnsafeMutablePointer<CChar>?, capacity: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let configuration = try unsafe model(of: handle).configuration
    guard index < configuration.classes else {
      throw .argument(
        configuration.classes == 0
          ? "class \(index) of a model without classes, expected one with a head"
          : "class \(index), expected 0 to \(configuration.classes - 1)")
    }
    let target = try unsafe required(text, "text")
    let label = Classification.label(of: Int(index), in: configuration.labels).utf8
    guard capacity < 0 || label.count < capacity else {
      throw .argument("\(capacity) bytes for a label, expected at least \(label.count + 1)")
    }
    for (offset, byte) in label.enumerated() { unsafe target[offset] = CChar(bitPattern: byte) }
    unsafe target[label.count] = 0
  }
}
