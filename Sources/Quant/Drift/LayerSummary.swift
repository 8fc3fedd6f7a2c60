import Int8Kernels
import ViTLite

/// One point of the network over many images.
package struct LayerSummary: Sendable {
  package let point: DriftPoint
  private var sqnr = Mean()
  private var cosine = Mean()
  private var counts = LayerMeasurement()
  /// What the layer does by itself; nil where that was not measured.
  package var alone: AloneSummary.Layer?

  package init(_ point: DriftPoint) { self.point = point }

  package var name: String { point.name }

  package mutating func add(_ measurement: LayerMeasurement) {
    guard measurement.comparison.count > 0 else { return }
    sqnr.add(measurement.comparison.sqnr)
    cosine.add(measurement.comparison.cosine)
    counts.merge(measurement)
  }

  /// Mean over images, in dB, with everything before this point in int8 too.
  package var sqnrDecibels: Double? { sqnr.value }
  package var sqnrInterval: ClosedRange<Double>? { sqnr.interval }
  package var meanCosine: Double? { cosine.value }
  /// The largest absolute error of any value; nil where nothing was compared.
  package var maximumError: Double? { sqnr.count > 0 ? counts.comparison.maximumError : nil }
  /// Share of outputs at the ends of the integer format, 0 to 1.
  package var saturation: Double? {
    counts.comparison.count > 0 ? Double(counts.saturated) / Double(counts.comparison.count) : nil
  }
  /// Share of inputs beyond the range that calibration gave them, 0 to 1; nil where there is no such range.
  package var clipped: Double? { counts.inputs > 0 ? Double(counts.clipped) / Double(counts.inputs) : nil }
  /// The largest input as a multiple of its range's end.
  package var excess: Double { counts.excess }
  /// Share of clipping in the squared error of the inputs at 8 bits, 0 to 1. The rest is rounding to one of 255 steps,
  /// which for each value has a mean squared error of 1/12 of a squared step.
  package var clippingShare: Double {
    let rounding = Double(counts.inputs) / 12
    return counts.inputs > 0 ? counts.clippingError / (counts.clippingError + rounding) : 0
  }
}

/// What each layer does by itself, over a few images.
package struct AloneSummary: Sendable {
  package struct Layer: Sendable {
    fileprivate var own = Mean()
    fileprivate var output = Mean()
    fileprivate var noise = Mean()
    fileprivate var offset = Mean()
    package fileprivate(set) var input: InputStatistics?
    /// How far the weights are from the float model's, relative to their length; nil for points without weights.
    package var weightError: Double?
    /// Share of all layers' noise in the model's output that is this layer's, 0 to 1.
    package fileprivate(set) var noiseShare: Double?

    /// Of the layer's output with exact inputs, in dB.
    package var ownDecibels: Double? { own.value }
    package var ownInterval: ClosedRange<Double>? { own.interval }
    /// Of the model's output with only this layer quantized, in dB.
    package var outputDecibels: Double? { output.value }
    package var outputInterval: ClosedRange<Double>? { output.interval }
    /// Share of the layer's own error that is the same for all tokens.
    package var offsetShare: Double { offset.value ?? 0 }
  }

  package private(set) var layers: [Layer]
  package private(set) var samples = 0

  package init(points: Int) { layers = Array(repeating: Layer(), count: points) }

  package mutating func add(_ image: [AloneMeasurement]) {
    samples += 1
    for index in layers.indices where index < image.count {
      let measurement = image[index]
      if measurement.own.count > 0 {
        layers[index].own.add(measurement.own.sqnr)
        layers[index].offset.add(measurement.offsetShare)
      }
      if let output = measurement.output, output.count > 0 {
        layers[index].output.add(output.sqnr)
        layers[index].noise.add(output.signal > 0 ? output.noise / output.signal : 0)
      }
      guard let input = measurement.input else { continue }
      if layers[index].input == nil { layers[index].input = input } else { layers[index].input?.merge(input) }
    }
  }

  /// Computes the shares of noise. The noises of layers add up nearly, because their errors are nearly independent.
  package mutating func finish(_ basis: ModelBasis, _ points: [DriftPoint]) {
    let total = layers.indices.reduce(0) { $0 + (points[$1].isPart ? 0 : layers[$1].noise.value ?? 0) }
    for index in layers.indices {
      if total > 0, !points[index].isPart { layers[index].noiseShare = layers[index].noise.value.map { $0 / total } }
      layers[index].weightError = points[index].layer.flatMap { basis.weightErrors[$0] }
    }
  }
}
