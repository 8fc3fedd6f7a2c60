import Int8Kernels

/// The bytes of a model, at an address that does not move: a mapped file, an aligned copy, or bytes that the caller
/// lends.
@safe final class ModelBytes: @unchecked Sendable {
  let buffer: UnsafeRawBufferPointer
  /// The object that keeps the bytes alive; nil for a copy, which this object frees, and for borrowed bytes.
  private let owner: AnyObject?
  private let isCopy: Bool

  var count: Int { unsafe buffer.count }

  /// Where parts can be read from again; nil for bytes that are in memory for good.
  let source: WeightSource?

  /// Uses bytes that an object keeps alive, such as a mapped file.
  @unsafe
  init(_ bytes: UnsafeRawBufferPointer, keptBy owner: AnyObject, source: WeightSource? = nil) {
    unsafe buffer = bytes
    self.owner = owner
    self.source = source
    isCopy = false
  }

  /// Uses bytes that the caller keeps alive.
  @unsafe
  init(borrowing bytes: UnsafeRawBufferPointer, source: WeightSource? = nil) {
    unsafe buffer = bytes
    owner = nil
    self.source = source
    isCopy = false
  }

  /// Copies bytes to an address that is aligned as the kernels need it.
  init(copying bytes: [UInt8]) {
    owner = nil
    source = nil
    isCopy = true
    let copy = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(bytes.count, 1), alignment: MemoryPlan.alignment)
    unsafe copy.copyBytes(from: bytes)
    unsafe buffer = UnsafeRawBufferPointer(rebasing: copy[..<bytes.count])
  }

  /// All bytes as integers.
  var int32s: Vector<Int32> {
    guard let base = unsafe buffer.baseAddress else { preconditionFailure("bytes have an address") }
    return unsafe Vector(base: base.assumingMemoryBound(to: Int32.self), count: buffer.count / 4)
  }

  deinit {
    if isCopy { unsafe buffer.deallocate() }
  }
}
