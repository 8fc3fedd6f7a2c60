#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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

/// Sebastiano Vigna's SplitMix64: the same numbers on every machine.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// `count` numbers of a range.
  mutating func numbers<Number: FixedWidthInteger>(_ count: Int, in range: ClosedRange<Number>) -> [Number] {
    (0..<count).map { _ in Number.random(in: range, using: &self) }
  }
}
