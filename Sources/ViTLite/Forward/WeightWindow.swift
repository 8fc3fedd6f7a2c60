import Int8Kernels

/// What a window needs of the memory that weights lie in.
@safe
package struct WeightMemory: Sendable {
  /// Brings bytes into memory, and asks for those behind them.
  let prepare: @Sendable (UnsafeRawBufferPointer) -> Void
  /// Takes all weights out of memory; they are read anew when they are used again.
  let release: @Sendable () -> Void

  @unsafe
  package init(prepare: @escaping @Sendable (UnsafeRawBufferPointer) -> Void, release: @escaping @Sendable () -> Void) {
    unsafe self.prepare = prepare
    self.release = release
  }
}

/// The weights that one worker has in memory, where not all of a model's may stay there.
///
/// Before a product the weights of its outputs are brought into memory, those that follow in the file are asked for, and
/// when the window is full everything before is let go. What is let go too early is read again: only time depends on it.
final class WeightWindow {
  private let memory: WeightMemory
  /// Bytes that may be in memory.
  private let capacity: Int
  private var used = 0
  private let now: (() -> UInt64)?
  /// Nanoseconds spent waiting for weights since `start`; 0 without a clock.
  private(set) var stall: UInt64 = 0

  /// - Parameters:
  ///   - capacity: at least `minimum` of the model's outline.
  ///   - now: nanoseconds of a clock that is never set back; nil when nothing is measured.
  init(_ memory: WeightMemory, capacity: Int, now: (() -> UInt64)?) {
    self.memory = memory
    self.capacity = capacity
    self.now = now
  }

  /// Begins an inference: no waiting yet.
  func start() { stall = 0 }

  /// Linux maps up to 64 KB of a file around a page that is touched: at both ends of what is read.
  private static let surroundings = 128 << 10

  /// Bytes of the weights of one output, low plane included.
  private static func bytesPerOutput(_ layer: LinearLayer) -> Int {
    WeightLayout.paddedInputs(layer.inputs) * (layer.isWide ? 2 : 1)
  }

  /// The smallest capacity with which a worker can run layers of so many inputs: two panels, and
  /// what is mapped around them and their scales.
  static func minimum(inputs: Int, isWide: Bool) -> Int {
    2 * WeightLayout.paddedInputs(inputs) * WeightLayout.panelColumns * (isWide ? 2 : 1) + 2 * surroundings
  }

  /// Outputs that are read at a time: whole panels, at most half of the window.
  func outputsAtATime(_ layer: LinearLayer) -> Int {
    let panel = Self.bytesPerOutput(layer) * WeightLayout.panelColumns
    let room = max(0, capacity / 2 - Self.surroundings)
    return max(1, room / max(panel, 1)) * WeightLayout.panelColumns
  }

  /// Brings the weights of some outputs into memory.
  func read(_ panels: PackedMatrix) {
    // Beside the weights: multiplier, column sum and bias, and what the system maps around the first page of each that
    // is touched.
    makeRoom(for: panels.weightByteCount + 12 * panels.outputs + Self.surroundings)
    let begin = now?() ?? 0
    unsafe panels.forEachPlane { unsafe memory.prepare($0) }
    if let now { stall &+= now() &- begin }
  }

  /// Counts other numbers that are about to be read, such as positions.
  func read(_ rows: Matrix<Int32>) { makeRoom(for: rows.rows * rows.stride * MemoryLayout<Int32>.size) }

  private func makeRoom(for bytes: Int) {
    used += bytes
    guard used > capacity else { return }
    memory.release()
    used = bytes
  }
}
