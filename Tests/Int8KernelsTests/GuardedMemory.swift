#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@testable import Int8Kernels

/// Memory that ends where a page without access begins, so that a kernel that reads or writes one element too many
/// ends the test run.
final class GuardedMemory: OperandMemory {
  let start: UnsafeMutableRawPointer
  private let mapping: UnsafeMutableRawPointer
  private let mappingSize: Int

  init(byteCount: Int) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let readable = (byteCount + page - 1) / page * page
    mappingSize = readable + page
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let mapping = mmap(nil, mappingSize, PROT_READ | PROT_WRITE, flags, -1, 0), mapping != MAP_FAILED,
      mprotect(mapping + readable, page, PROT_NONE) == 0
    else { fatalError("no memory for \(byteCount) guarded bytes") }
    self.mapping = mapping
    start = mapping + (readable - byteCount)
  }

  deinit {
    munmap(mapping, mappingSize)
  }
}
