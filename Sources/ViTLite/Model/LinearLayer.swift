import Int8Kernels

/// A linear layer of a model: its dimensions, and the source of its weights.
package struct LinearLayer: Sendable {
  package let name: LayerName
  package let outputs: Int
  package let inputs: Int
  /// Whether the layer has int16 weights and reads int16 activations.
  package let isWide: Bool
  private let source: PanelSource

  init(_ name: LayerName, _ matrix: PackedMatrix) {
    self.name = name
    outputs = matrix.outputs
    inputs = matrix.inputs
    isWide = matrix.isWide
    source = PanelSource(resident: matrix)
  }

  /// Shifts of the requantization, for writers and readers of model files.
  package static let validShifts = 0...62

  /// The weights of some outputs, from a multiple of 16 on, ready to be multiplied with.
  @inline(__always)
  func panels(_ outputs: Range<Int>) -> PackedMatrix { source.panels(outputs) }

  /// The same weights with other scales; for candidates of calibration.
  package func replacing(multiplier: Vector<Int32>, bias: Vector<Int32>, shift: Int32) -> LinearLayer {
    LinearLayer(name, source.panels(0..<outputs).replacing(multiplier: multiplier, bias: bias, shift: shift))
  }
}

/// What a linear layer's sums of products become outputs with: all of it but the weights.
package struct OutputScales: Sendable, Equatable {
  /// One for each output, padded to whole panels.
  package var multiplier: [Int32]
  package var bias: [Int32]
  package var shift: Int32

  package init(multiplier: [Int32], bias: [Int32], shift: Int32) {
    self.multiplier = multiplier
    self.bias = bias
    self.shift = shift
  }
}

/// Where the forward pass gets a layer's weights from, a range of outputs at a time.
///
/// Today weights always lie in memory, in the layout that the kernels read: in a mapped file, or in bytes that the
/// caller lends. The forward pass asks for panels just before it multiplies with them and keeps none. So a source that
/// reads panels from a file, or that unpacks another format, can be added here without a change to the forward pass.
struct PanelSource: Sendable {
  private let matrix: PackedMatrix

  init(resident matrix: PackedMatrix) { self.matrix = matrix }

  @inline(__always)
  func panels(_ outputs: Range<Int>) -> PackedMatrix { matrix.outputs(outputs) }
}
