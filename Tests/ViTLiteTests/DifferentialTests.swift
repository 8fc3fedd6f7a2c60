import CEmulation
import CKernels
import LibC
import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Random models up to the extremes of their dimensions: equal bits from all kernels, and little drift.
@Suite("Random models")
struct DifferentialTests {
  /// Kernels of this machine, and the emulated ones of x86-64.
  private static let kernels: [(name: String, kernels: Kernels)] =
    InstructionSet.available.compactMap { set in set.kernels.map { (set.name, $0) } }
    + [
      ("emulated avx2", vq_emulated_kernels_avx2), ("emulated avxvnni", vq_emulated_kernels_avxvnni),
      ("emulated avx512vnni", vq_emulated_kernels_avx512vnni), ("emulated amx", vq_emulated_kernels_amx),
    ].map { ($0.0, Kernels($0.1)) }

  private static let primes = [1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 53, 61, 67]

  /// A configuration of random dimensions; prime ones, single ones and multiples of all vector lengths among them.
  private static func configuration(_ generator: inout SplitMix64) -> ModelConfiguration {
    func pick(_ numbers: [Int]) -> Int { numbers.randomElement(using: &generator) ?? 1 }
    let heads = pick([1, 1, 2, 3, 5])
    let patch = pick([1, 2, 3, 4, 5])
    let headWidth = pick([1, 2, 3, 4, 7, 8, 11, 13, 16, 17, 32])
    let readouts = Readout.allCases
    let readout = readouts[pick(Array(readouts.indices))]
    return IntegerModelCase.configuration {
      ($0.heads, $0.width, $0.mlpWidth) = (heads, heads * headWidth, pick(primes + [8, 16, 64, 128]))
      ($0.patchSize, $0.channels) = (patch, pick([1, 1, 2, 3]))
      ($0.imageHeight, $0.imageWidth) = (patch * pick([1, 1, 2, 3, 5, 7]), patch * pick([1, 2, 3, 5, 11]))
      ($0.depth, $0.classes, $0.readout) = (pick([0, 1, 1, 2, 3]), pick([1, 2, 5, 17, 37, 64]), readout)
      $0.prefixTokens = readout == .classAndDistillationToken ? pick([2, 3, 5]) : pick([1, 1, 2, 4])
    }
  }

  /// 1 head, 8 channels, 1 token, 1 class; and the least of everything.
  private static let extremes = [
    IntegerModelCase.configuration {
      ($0.heads, $0.width, $0.classes, $0.prefixTokens, $0.readout) = (1, 8, 1, 0, .normThenPatchMean)
      ($0.imageHeight, $0.imageWidth) = (3, 3)
    },
    IntegerModelCase.configuration {
      ($0.heads, $0.width, $0.mlpWidth, $0.classes, $0.prefixTokens) = (1, 1, 1, 1, 0)
      ($0.imageHeight, $0.imageWidth, $0.patchSize, $0.readout) = (1, 1, 1, .normThenPatchMean)
    },
  ]

  private func expectEqualBits(_ configuration: ModelConfiguration, seed: UInt64) throws {
    let example = IntegerModelCase.random(configuration, images: 2, seed: seed)
    var options = CalibrationOptions(
      activations: seed % 2 == 0 ? .static : .dynamic, softmaxPlanes: seed % 3 == 0 ? 1 : 2)
    if seed % 4 == 3 { options.wideLayers = try example.layerNames }
    let model = try IntegerModel(example.quantized(options).bytes)
    try model.verify()
    let pixels = example.pixels(model)
    var expected: [IntegerOutput] = []
    for (name, kernels) in Self.kernels {
      for threads in 1...3 {
        let plan: PlanKind = threads == 2 ? .lean : .fast
        let session = try InferenceSession(model: model, kernels: kernels, threads: threads, plan: plan)
        let found = try pixels.map { image throws(InferenceError) in try session.run(image) }
        if expected.isEmpty { expected = found }
        #expect(found.map(\.crc32) == expected.map(\.crc32), "\(name), \(threads) threads, seed \(seed)")
        #expect(found.map(\.logits) == expected.map(\.logits), "\(name), \(threads) threads, seed \(seed)")
      }
    }
    if let fault = vq_emulation_take_fault() { Issue.record("\(String(cString: fault)), seed \(seed)") }
  }

  @Test("All kernels, emulated ones too, give equal bits with 1 to 3 threads", arguments: 0..<4)
  func equalBits(_ part: UInt64) throws {
    if part == 0 {
      for (seed, configuration) in Self.extremes.enumerated() {
        for mode in 0..<4 { try expectEqualBits(configuration, seed: UInt64(4 * seed + mode)) }
      }
    }
    var generator = SplitMix64(seed: 900 + part)
    for index in 0..<12 { try expectEqualBits(Self.configuration(&generator), seed: 100 * part + UInt64(index)) }
  }

  /// A row of 8-bit levels, or of 127 levels of weights on each side of 0, whose largest value is about 3.5 deviations
  /// has a noise 42 dB below it. A layer has both, 39 dB together; a block has four layers, and the softmax, the keys,
  /// queries and values. Independent errors add up as powers. Twice as much amplitude (6 dB) is allowed for rows with
  /// few numbers, whose largest is not 3.5 deviations, and for what attention and norms amplify.
  @Test("Random models drift no more than the noise of their roundings", arguments: 0..<4)
  func drift(_ part: UInt64) throws {
    var generator = SplitMix64(seed: 700 + part)
    for index in 0..<6 {
      var configuration = Self.configuration(&generator)
      // With fewer numbers in a row its largest says nothing of its deviation.
      (configuration.heads, configuration.width) = (2, [32, 48, 62][index % 3])
      configuration.mlpWidth = max(configuration.mlpWidth, 41)
      configuration.classes = max(configuration.classes, 17)
      let example = IntegerModelCase.random(configuration, images: 3, seed: 50 * part + UInt64(index))
      let model = try IntegerModel(example.quantized().bytes)
      let session = try InferenceSession(model: model)
      let reference = FloatReference(example.model)
      let sources = Double(8 * configuration.depth + 3)
      let allowed = 39 - 10 * log10(sources) - 6
      for sample in 0..<example.samples.count {
        let values = example.samples[sample].values(preprocessing: nil, channels: configuration.channels)
        let exact = try #require(try reference.run(values).logits)
        let found = try #require(try session.run(model.pixels(of: example.samples[sample])).dequantizedLogits)
        let drift = Comparison(reference: exact, got: found).sqnr
        #expect(drift > allowed, "\(example), image \(sample), \(sources) sources")
      }
    }
  }

  /// For each output the levels that make its accumulator largest, and smallest, at both ends of the zero point, with
  /// the largest multiplier.
  @Test("Inputs at the ends of all ranges stay within the recorded bounds", arguments: [false, true])
  func bounds(_ isWide: Bool) throws {
    let example = IntegerModelCase.random(
      IntegerModelCase.configuration { ($0.width, $0.heads, $0.mlpWidth) = (26, 2, 37) }, seed: 4)
    var options = CalibrationOptions()
    if isWide { options.wideLayers = try example.layerNames }
    let quantized = try example.quantized(options)
    let model = try IntegerModel(quantized.bytes)
    for name in model.layerNames {
      let layer = try #require(model.layer(name))
      let matrix = layer.panels(0..<layer.outputs)
      let packed = try #require(quantized.fileLayer(name))
      let rowMultiplier = Int32(LayerReach.rowMultiplier(readsPixels: name == .patchEmbedding))
      let accumulatorBound = try model.contents.int64("vit.\(name).accumulator_bound")
      let outputBound = try model.contents.int64("vit.\(name).output_bound")
      let (lowest, highest) = layer.isWide ? (-4080, 4080) : (0, 255)
      var largest: Int64 = 0
      for output in 0..<layer.outputs {
        let weights = (0..<layer.inputs).map { packed.level(output: output, input: $0) }
        for (positive, zeroPoint) in [(highest, lowest), (lowest, highest)] {
          let levels = weights.map { $0 > 0 ? positive : lowest + highest - positive }
          let offset = layer.isWide ? 0 : zeroPoint
          let accumulator = zip(levels, weights).reduce(0) { $0 + Int64(($1.0 - offset) * $1.1) }
          #expect(accumulator.magnitude <= accumulatorBound)
          let found = multiply(levels, Int32(offset), rowMultiplier, matrix)
          for value in found { #expect(Int64(value.magnitude) <= outputBound, "\(name)") }
          largest = max(largest, Int64(found.map(\.magnitude).max() ?? 0))
        }
      }
      // The bound is no guess: something comes near it.
      #expect(2 * largest > outputBound, "\(name): \(largest) of \(outputBound)")
    }
  }

  /// The product of one row with every output.
  private func multiply(_ levels: [Int], _ zeroPoint: Int32, _ multiplier: Int32, _ matrix: PackedMatrix) -> [Int32] {
    let stride = WeightLayout.paddedInputs(levels.count)
    func memory<Element: BitwiseCopyable>(_ values: [Element], _ count: Int) -> UnsafeMutablePointer<Element> {
      let memory = UnsafeMutablePointer<Element>.allocate(capacity: count)
      for index in 0..<count { memory[index] = values[min(index, values.count - 1)] }
      return memory
    }
    let row: UnsafeMutableRawPointer =
      matrix.isWide
      ? UnsafeMutableRawPointer(memory(levels.map { Int16($0) }, stride))
      : UnsafeMutableRawPointer(memory(levels.map { UInt8($0) }, stride))
    let (multipliers, zeroPoints) = (memory([multiplier], 1), memory([zeroPoint], 1))
    let count = WeightLayout.paddedOutputs(matrix.outputs)
    let results = memory([Int32(0)], count)
    defer {
      row.deallocate()
      for numbers in [multipliers, zeroPoints, results] { numbers.deallocate() }
    }
    let rows = QuantizedRows(
      levels: row, isWide: matrix.isWide, multiplier: multipliers, zeroPoint: zeroPoints, rows: 1,
      columns: levels.count, stride: stride)
    let out = Matrix(base: results, rows: 1, columns: matrix.outputs)
    Kernels.portable.multiply(rows, by: matrix, into: out)
    return out.array()
  }
}
