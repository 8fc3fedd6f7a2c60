/// The bytes of a model, at an address that does not move: a mapped file, or an aligned copy.
@safe final class ModelBytes: @unchecked Sendable {
  let buffer: UnsafeRawBufferPointer
  private let file: MappedFile?

  /// Uses a mapped file in place.
  init(_ file: MappedFile) {
    self.file = file
    unsafe buffer = file.unsafeBytes
  }

  /// Copies bytes to where the kernels can read them.
  init(copying bytes: [UInt8]) {
    file = nil
    let copy = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(bytes.count, 1), alignment: MemoryPlan.alignment)
    unsafe copy.copyBytes(from: bytes)
    unsafe buffer = UnsafeRawBufferPointer(rebasing: copy[..<bytes.count])
  }

  deinit {
    if file == nil { unsafe buffer.deallocate() }
  }
}
