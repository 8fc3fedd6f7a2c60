import GuardedMemory

/// What the buffer of this name in Int8KernelsTests is, for Embedded Swift, where the C library has no module.
final class GuardedBuffer<Element: BitwiseCopyable> {
  let base: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: [Element]) {
    count = elements.count
    guard let memory = guarded_allocate(elements.count * MemoryLayout<Element>.stride) else {
      fatalError("no memory for a guarded buffer")
    }
    base = memory.bindMemory(to: Element.self, capacity: elements.count)
    for index in elements.indices { base[index] = elements[index] }
  }

  convenience init(repeating element: Element, count: Int) {
    self.init([Element](repeating: element, count: count))
  }

  deinit {
    guarded_free(base, count * MemoryLayout<Element>.stride)
  }

  var elements: [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
