import CVitQuant
import LibC

/// Memory at a multiple of VITQUANT_ALIGNMENT that is freed with this object.
@safe
final class AlignedMemory: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer

  /// - Parameter what: the memory is for, as errors name it.
  /// - Throws: VITQUANT_ERROR_MEMORY where the system has not so much.
  init(byteCount: Int, for what: StaticString) throws(Failure) {
    var address: UnsafeMutableRawPointer?
    // At least one byte: of an empty piece of memory the address may be NULL.
    let status = unsafe posix_memalign(&address, Int(VITQUANT_ALIGNMENT), max(byteCount, 1))
    guard status == 0, let address = unsafe address else {
      throw Failure(VITQUANT_ERROR_MEMORY, "\(byteCount) bytes for \(what), expected no more than the system has")
    }
    unsafe bytes = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
  }

  deinit { unsafe free(bytes.baseAddress) }
}
