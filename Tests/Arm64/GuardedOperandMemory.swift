import GuardedMemory

/// Memory that ends where a page without access begins, as in Int8KernelsTests, for Embedded Swift, where the C library
/// has no module.
final class GuardedOperandMemory: OperandMemory {
  let start: UnsafeMutableRawPointer
  private let byteCount: Int

  init(byteCount: Int) {
    guard let memory = guarded_allocate(byteCount) else { fatalError("no guarded memory") }
    start = memory
    self.byteCount = byteCount
  }

  deinit {
    guarded_free(start, byteCount)
  }
}
