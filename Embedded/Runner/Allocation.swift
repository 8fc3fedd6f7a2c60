// Embedded Swift allocates through `posix_memalign` and `free`. The programs here have one thread.

/// Memory for everything, unless there is a heap for models.
nonisolated(unsafe) var heap = Heap()

/// Memory for what a model is made of, where a board has large, slow memory; nil elsewhere.
nonisolated(unsafe) var modelHeap: Heap?

/// Whether a model is being made.
nonisolated(unsafe) private var makesModel = false

/// Calls `body`, whose allocations become a part of a model.
func makingModel<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
  makesModel = true
  defer { makesModel = false }
  return try body()
}

@_cdecl("posix_memalign")
func allocate(
  _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ count: Int
) -> Int32 {
  let memory =
    makesModel && modelHeap != nil
    ? modelHeap?.allocate(count, alignment: alignment) : heap.allocate(count, alignment: alignment)
  // Compiled Swift would go on with a null pointer.
  guard let memory else { stop(4, "runner: error: out of memory\n") }
  result.pointee = memory
  return 0
}

/// `free`; the name is reserved, so the linker gives it.
@_cdecl("heap_free")
func deallocate(_ memory: UnsafeMutableRawPointer?) {
  guard let memory else { return }
  if modelHeap?.contains(memory) == true { modelHeap?.free(memory) } else { heap.free(memory) }
}
