import LibC
import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// What calibration makes is what the file holds, and what an integer model reads from it.
@Suite("Files of int8 models")
struct IntegerModelFileTests {
  static let options = [
    CalibrationOptions(activations: .dynamic), CalibrationOptions(activations: .static, softmaxPlanes: 1),
  ]

  @Test("A golden model survives its file", arguments: GoldenFiles.models + GoldenFiles.families, options)
  func goldenModels(_ name: String, _ options: CalibrationOptions) throws {
    try expectRoundTrip(try IntegerModelCase.golden(name).quantized(options))
  }

  @Test("A model of awkward size survives its file", arguments: IntegerModelCase.awkward)
  func awkwardSizes(_ model: IntegerModelCase) throws {
    for options in Self.options { try expectRoundTrip(try model.quantized(options)) }
    var wide = CalibrationOptions()
    wide.wideLayers = try model.layerNames
    try expectRoundTrip(try model.quantized(wide))
  }

  @Test(
    "Every way to resize survives its file",
    arguments: [.none, .exact(height: 6, width: 9), .shortestEdge(7), .covering(height: 6, width: 9)]
      as [Preprocessing.Resize])
  func resizing(_ resize: Preprocessing.Resize) throws {
    var quantized = try IntegerModelCase.random(IntegerModelCase.configuration()).quantized()
    quantized.preprocessing = Preprocessing(
      resize: resize, filter: .bicubic, crop: (6, 9), mean: [0.5], standardDeviation: [0.25])
    #expect(try IntegerModel(quantized.bytes).preprocessing == quantized.preprocessing)
  }

  private func expectRoundTrip(_ quantized: QuantizedModel) throws {
    let bytes = quantized.bytes
    let model = try IntegerModel(bytes)
    try model.verify()
    #expect(model.byteCount == bytes.count)
    #expect(model.configuration == quantized.configuration)
    #expect(model.preprocessing == quantized.preprocessing)
    #expect(model.activations == quantized.activations)
    #expect(model.pixelMapping == quantized.pixelMapping)
    #expect(model.softmaxPlanes == quantized.softmaxPlanes)
    #expect(model.residualFractionBits == quantized.residualFractionBits)
    #expect(model.finalFractionBits == quantized.finalFractionBits)
    #expect(model.outputFractionBits == quantized.outputFractionBits)
    #expect(model.headInputShift == quantized.headInputShift)
    #expect(model.headInputQuantizer == quantized.headInputQuantizer)
    #expect(model.positions.array() == quantized.positions)
    expectSame(model.patchEmbedding, quantized.patchEmbedding)
    expectSame(model.finalNorm, quantized.finalNorm)
    #expect((model.head != nil) == (quantized.head != nil))
    #expect((model.pooler != nil) == (quantized.pooler != nil))
    if let head = model.head, let expected = quantized.head { expectSame(head, expected) }
    #expect((model.projection != nil) == (quantized.projection != nil))
    if let projection = model.projection, let expected = quantized.projection { expectSame(projection, expected) }
    expectSame(model.preNorm, quantized.preNorm)
    if let pooler = model.pooler, let expected = quantized.pooler { expectSame(pooler, expected) }
    try #require(model.blocks.count == quantized.blocks.count)
    for (block, expected) in zip(model.blocks, quantized.blocks) { expectSame(block, expected) }
  }

  private func expectSame(_ norm: IntegerNorm?, _ expected: QuantizedNorm?) {
    #expect((norm != nil) == (expected != nil))
    if let norm, let expected { expectSame(norm, expected) }
  }

  private func expectSame(_ block: IntegerBlock, _ expected: QuantizedBlock) {
    expectSame(block.ln1, expected.ln1)
    expectSame(block.ln2, expected.ln2)
    expectSame(block.queryNorm, expected.queryNorm)
    expectSame(block.keyNorm, expected.keyNorm)
    expectSame(block.attentionNorm, expected.attentionNorm)
    expectSame(block.hidden.norm, expected.hiddenNorm)
    #expect(block.hidden.factors.map { factors in (0..<factors.count).map { factors[$0] } } == expected.hiddenFactors)
    #expect(block.hidden.gateShift ?? 0 == expected.gateShift)
    for layer in BlockLayer.allCases { expectSame(block.layers[layer], expected.fileLayer(layer)) }
    #expect(block.quantizers == expected.quantizers)
    #expect(block.queryQuantizers == expected.queryQuantizers)
    #expect(block.keyQuantizers == expected.keyQuantizers.map(\.symmetric))
    #expect(block.scoreShift == expected.scoreShift)
    #expect(block.valueScales.shift == expected.fileValueShift)
    #expect(block.hidden.fractionBits == expected.geluFractionBits)
    #expect(elements(block.valueScales.multiplier) == expected.valueMultiplier)
  }

  private func expectSame(_ linear: LinearLayer, _ expected: QuantizedLinear) {
    #expect(linear.outputs == expected.outputs)
    #expect(linear.inputs == expected.inputs)
    #expect(linear.isWide == expected.isWide)
    let matrix = linear.panels(0..<linear.outputs)
    #expect(matrix.shift == expected.shift)
    switch expected.weights {
    case .int8(let levels):
      #expect(elements(matrix.weights.assumingMemoryBound(to: Int8.self), levels.count) == levels)
    case .int16(let levels):
      #expect(elements(matrix.weights.assumingMemoryBound(to: Int16.self), levels.count) == levels)
    }
    #expect(elements(matrix.multiplier, expected.multiplier.count) == expected.multiplier)
    #expect(elements(matrix.columnSum, expected.columnSum.count) == expected.columnSum)
    #expect(elements(matrix.bias, expected.bias.count) == expected.bias)
  }

  private func expectSame(_ norm: IntegerNorm, _ expected: QuantizedNorm) {
    #expect(elements(norm.gain) == expected.gain)
    #expect(elements(norm.bias) == expected.bias)
    #expect(norm.shift == expected.shift)
    #expect(norm.epsilon == expected.epsilon)
  }

  private func elements(_ vector: Vector<Int32>) -> [Int32] { (0..<vector.count).map { vector[$0] } }

  private func elements<Element>(_ start: UnsafePointer<Element>, _ count: Int) -> [Element] {
    Array(UnsafeBufferPointer(start: start, count: count))
  }

  @Test("A model that the reader refuses is not written, and the old file stays")
  func refusedModel() throws {
    let path = "/tmp/vit-quant-refused-\(getpid()).gguf"
    defer { unlink(path) }
    var quantized = try IntegerModelCase.golden("timm-vit").quantized()
    try quantized.write(to: path)
    let before = try MappedFile.contents(of: path, limit: 1 << 24)
    quantized.blocks[0].scoreShift = 63
    #expect(throws: IntegerModelError.self) { try quantized.write(to: path) }
    #expect(try MappedFile.contents(of: path, limit: 1 << 24) == before)
  }

  @Test("A model reads borrowed bytes in place")
  func borrowedBytes() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let bytes = try example.quantized().bytes
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    let model = try IntegerModel(borrowing: UnsafeRawBufferPointer(memory))
    let expected = try InferenceSession(model: IntegerModel(bytes)).run(example.pixels(model)[0]).crc32
    #expect(try InferenceSession(model: model).run(example.pixels(model)[0]).crc32 == expected)
    // What is read is these bytes: other weights, another result.
    let tensor = try #require(model.contents.tensors.first { $0.name == "output.bias" })
    for index in tensor.range { memory[index] = 1 }
    #expect(try InferenceSession(model: model).run(example.pixels(model)[0]).crc32 != expected)
  }

  @Test("A file on disk is the bytes in memory, and runs the same")
  func mappedFile() throws {
    let example = try IntegerModelCase.golden("timm-vit")
    let quantized = try example.quantized()
    let path = try temporaryFile([])
    defer { removeFile(path) }
    try quantized.write(to: path)
    #expect(try MappedFile.contents(of: path, limit: 1 << 24) == quantized.bytes)
    let mapped = try IntegerModel(path: path)
    let copied = try IntegerModel(quantized.bytes)
    let pixels = example.pixels(copied)[0]
    let expected = try InferenceSession(model: copied).run(pixels).logits
    #expect(try InferenceSession(model: mapped).run(pixels).logits == expected)
  }

  @Test("A damaged tensor is named")
  func damagedTensor() throws {
    let bytes = try IntegerModelCase.random(IntegerModelCase.configuration()).quantized().bytes
    let tensors = try IntegerModel(bytes).contents.tensors
    for tensor in tensors {
      var damaged = bytes
      damaged[tensor.range.lowerBound + tensor.range.count / 2] ^= 0x10
      guard let model = try? IntegerModel(damaged) else { continue }
      do throws(IntegerModelError) {
        try model.verifyChecksums()
        Issue.record("\(tensor.name) was not found out")
      } catch {
        guard case .checksum(let name, _, _) = error else {
          Issue.record("\(tensor.name): \(error)")
          continue
        }
        #expect(name == tensor.name)
      }
    }
  }

  @Test("A byte between tensors that is not zero is found")
  func padding() throws {
    let bytes = try IntegerModelCase.random(IntegerModelCase.configuration()).quantized().bytes
    let tensors = try IntegerModel(bytes).contents.tensors
    let (tensor, next) = try #require(
      zip(tensors, tensors.dropFirst()).first { $0.range.upperBound < $1.range.lowerBound })
    for offset in [tensor.range.upperBound, next.range.lowerBound - 1] {
      var damaged = bytes
      damaged[offset] = 1
      #expect(throws: IntegerModelError.self) { try IntegerModel(damaged).verifyChecksums() }
    }
  }
}
