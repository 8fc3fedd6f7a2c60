import Int8Kernels
import ViTLite

/// Floats at a fixed place, aligned to 64 bytes and zero at first. For the reference's weights and activations, which
/// the kernels read through pointers.
@safe final class FloatBuffer: @unchecked Sendable {
  let count: Int
  /// Valid while the buffer lives.
  @unsafe let base: UnsafeMutablePointer<Float>
  private let memory: UnsafeMutableRawPointer

  init(count: Int) {
    self.count = count
    // The vector kernels may read, but not use, up to one panel beyond the end.
    let byteCount = (count + SGEMM.panelColumns) * MemoryLayout<Float>.stride
    unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    unsafe base = memory.bindMemory(to: Float.self, capacity: count + SGEMM.panelColumns)
  }

  convenience init(_ values: [Float]) {
    self.init(count: values.count)
    copy(from: values)
  }

  convenience init(copying other: FloatBuffer) {
    self.init(count: other.count)
    unsafe base.update(from: other.base, count: other.count)
  }

  deinit { unsafe memory.deallocate() }

  /// The first `count` floats.
  func withSpan<Result>(_ count: Int, _ body: (Span<Float>) -> Result) -> Result {
    precondition(count <= self.count, "a span must lie within its buffer")
    return unsafe body(UnsafeBufferPointer(start: base, count: count).span)
  }

  func array(_ count: Int) -> [Float] {
    precondition(count <= self.count, "a copy must lie within its buffer")
    return unsafe [Float](UnsafeBufferPointer(start: base, count: count))
  }

  func copy(from values: [Float], at offset: Int = 0) {
    precondition(offset >= 0 && offset + values.count <= count, "a copy must fit its buffer")
    unsafe values.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      unsafe (base + offset).update(from: start, count: source.count)
    }
  }
}
