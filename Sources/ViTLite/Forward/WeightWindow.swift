import Int8Kernels

/// How the parts of a model come from its file, where they do not stay in memory. Parts are named by the addresses at
/// which the file is mapped.
@safe
package struct WeightSource: Sendable {
  /// Copies a part; false where it cannot be read.
  let copy: @Sendable (UnsafeRawBufferPointer, UnsafeMutableRawPointer) -> Bool
  /// Asks for a part that will be copied soon, so that the disk reads while the processor computes.
  let expect: @Sendable (UnsafeRawBufferPointer) -> Void
  /// Takes all that the mapping has in memory out of it; it is read anew when it is used again.
  let release: @Sendable () -> Void
  /// Whether a part of the weights was gone when it was read.
  let isShortened: @Sendable () -> Bool

  @unsafe
  package init(
    copy: @escaping @Sendable (UnsafeRawBufferPointer, UnsafeMutableRawPointer) -> Bool,
    expect: @escaping @Sendable (UnsafeRawBufferPointer) -> Void, release: @escaping @Sendable () -> Void,
    isShortened: @escaping @Sendable () -> Bool = { false }
  ) {
    unsafe self.copy = copy
    unsafe self.expect = expect
    self.release = release
    self.isShortened = isShortened
  }
}

/// The memory that a worker copies weights to just before it uses them, where a model's do not stay in memory.
///
/// What a read gives is valid until the worker's next read.
@safe
final class WeightWindow: @unchecked Sendable {
  /// A capacity beyond which more does not help: nothing is used again before it would be replaced, and so much stays in
  /// a processor's cache.
  static let useful = 1 << 19

  /// Bytes of a part behind which more is asked for.
  private static let worthExpecting = 32 << 10

  private let source: WeightSource
  private let memory: UnsafeMutableRawBufferPointer
  private let now: (() -> UInt64)?
  /// Nanoseconds spent reading since `start`; 0 without a clock.
  private(set) var stall: UInt64 = 0
  /// Whether something could not be read since `start`.
  private(set) var hasFailed = false

  /// - Parameters:
  ///   - capacity: bytes, at least the model's `minimum`.
  ///   - now: nanoseconds of a clock that is never set back; nil when nothing is measured.
  init(_ source: WeightSource, capacity: Int, now: (() -> UInt64)?) {
    self.source = source
    unsafe memory = .allocate(byteCount: capacity, alignment: MemoryPlan.alignment)
    self.now = now
  }

  deinit { unsafe memory.deallocate() }

  /// Bytes of a panel of a layer: the weights of 16 outputs, and what else is theirs.
  private static func panelByteCount(inputs: Int, isWide: Bool) -> Int {
    PackedMatrix.byteCount(outputs: WeightLayout.panelColumns, inputs: inputs, isWide: isWide)
  }

  /// The smallest capacity with which a worker can run a model: room for a panel of each layer, and for a norm.
  /// The factors of a hidden layer's channels are shorter than a panel that reads it.
  static func minimum(_ model: IntegerModel) -> Int {
    let norm = 2 * MemoryPlan.aligned(model.configuration.width * MemoryLayout<Int32>.size)
    return model.layerNames.reduce(norm) { most, name in
      guard let layer = model.layer(name) else { return most }
      return max(most, panelByteCount(inputs: layer.inputs, isWide: layer.isWide))
    }
  }

  /// Begins an inference.
  func start() { (stall, hasFailed) = (0, false) }

  /// Outputs of a layer that can be read at a time: whole panels.
  func outputsAtATime(_ layer: LinearLayer) -> Int {
    let panel = Self.panelByteCount(inputs: layer.inputs, isWide: layer.isWide)
    return max(1, unsafe memory.count / max(panel, 1)) * WeightLayout.panelColumns
  }

  /// Rows of a matrix that can be read at a time.
  func rowsAtATime(_ matrix: Matrix<Int32>) -> Int {
    max(1, unsafe memory.count / max(matrix.stride * MemoryLayout<Int32>.size, 1))
  }

  /// The weights of some outputs, of which there are at most `outputsAtATime`.
  func read(_ panels: PackedMatrix) -> PackedMatrix {
    unsafe read { copy in unsafe panels.copied(to: memory, copy) }
  }

  /// Other numbers, such as positions: at most `rowsAtATime`.
  func read(_ rows: Matrix<Int32>) -> Matrix<Int32> {
    unsafe read { copy in unsafe rows.copied(to: memory, copy) }
  }

  func read(_ norm: IntegerNorm) -> IntegerNorm {
    unsafe read { copy in unsafe norm.copied(to: memory, copy) }
  }

  func read(_ scales: ChannelScales) -> ChannelScales {
    unsafe read { copy in unsafe scales.copied(to: memory, copy) }
  }

  func read(_ operation: HiddenOperation) -> HiddenOperation {
    guard operation.factors != nil else { return operation }
    return unsafe read { copy in unsafe operation.copied(to: memory, copy) }
  }

  private func read<Result>(_ body: (ByteCopy) -> Result) -> Result {
    let begin = now?() ?? 0
    let result = unsafe body { part, target in
      if unsafe !source.copy(part, target) { hasFailed = true }
      // As much again, of weights: of small parts the disk reads more than they are, in any case.
      guard let start = part.baseAddress, part.count >= Self.worthExpecting else { return }
      unsafe source.expect(UnsafeRawBufferPointer(start: start + part.count, count: part.count))
    }
    if let now { stall &+= now() &- begin }
    return result
  }
}
