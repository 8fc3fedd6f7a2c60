/// Memory that the operands of a comparison lie in. Tests give one that ends where a page without access begins.
protocol OperandMemory: AnyObject {
  /// - Parameter byteCount: bytes that may be read and written; at least 1.
  init(byteCount: Int)
  /// Aligned for every integer type.
  var start: UnsafeMutableRawPointer { get }
}

/// Ordinary memory of exactly the size.
@safe
final class ExactMemory: OperandMemory {
  let start: UnsafeMutableRawPointer

  init(byteCount: Int) {
    unsafe start = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 8)
  }

  deinit {
    unsafe start.deallocate()
  }
}

/// An array that kernels read or write, in memory of its own that ends where the array does.
@safe
struct Operand<Element: BitwiseCopyable, Memory: OperandMemory> {
  let base: UnsafeMutablePointer<Element>
  let count: Int
  private let memory: Memory

  init(_ elements: [Element]) {
    count = elements.count
    memory = Memory(byteCount: elements.count * MemoryLayout<Element>.stride)
    unsafe base = memory.start.bindMemory(to: Element.self, capacity: elements.count)
    for index in elements.indices { unsafe base[index] = elements[index] }
  }

  init(repeating element: Element, count: Int) {
    self.count = count
    memory = Memory(byteCount: count * MemoryLayout<Element>.stride)
    unsafe base = memory.start.bindMemory(to: Element.self, capacity: count)
    for index in 0..<count { unsafe base[index] = element }
  }

  var elements: [Element] { unsafe Array(UnsafeBufferPointer(start: base, count: count)) }
}
