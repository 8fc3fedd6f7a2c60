import LibC

/// Memory that ends where a page without access begins, so that a kernel that reads or writes one element too many
/// ends the test run.
final class GuardedBuffer<Element: BitwiseCopyable> {
  let base: UnsafeMutablePointer<Element>
  let count: Int
  private let mapping: UnsafeMutableRawPointer
  private let mappingSize: Int

  init(_ elements: [Element]) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let bytes = elements.count * MemoryLayout<Element>.stride
    let readable = (bytes + page - 1) / page * page
    mappingSize = readable + page
    count = elements.count
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let mapping = mmap(nil, mappingSize, PROT_READ | PROT_WRITE, flags, -1, 0), mapping != MAP_FAILED,
      mprotect(mapping + readable, page, PROT_NONE) == 0
    else { fatalError("no memory for a guarded buffer of \(bytes) bytes") }
    self.mapping = mapping
    base = (mapping + (readable - bytes)).bindMemory(to: Element.self, capacity: elements.count)
    for (index, element) in elements.enumerated() { base[index] = element }
  }

  convenience init(repeating element: Element, count: Int) {
    self.init([Element](repeating: element, count: count))
  }

  deinit {
    munmap(mapping, mappingSize)
  }

  var elements: [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
