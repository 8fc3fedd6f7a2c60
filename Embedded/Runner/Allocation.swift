// Embedded Swift allocates through `posix_memalign` and `free`.

/// The one heap; programs here have one thread.
nonisolated(unsafe) var heap = Heap()

@_cdecl("posix_memalign")
func allocate(
  _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ count: Int
) -> Int32 {
  guard let memory = heap.allocate(count, alignment: alignment) else { return 12 }  // ENOMEM
  result.pointee = memory
  return 0
}

/// `free`; the name is reserved, so the linker gives it.
@_cdecl("heap_free")
func deallocate(_ memory: UnsafeMutableRawPointer?) {
  if let memory { heap.free(memory) }
}
