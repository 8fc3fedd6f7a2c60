import Int8Kernels

/// One block of an integer model, its tensors in place in the model's bytes.
@unsafe
struct IntegerBlock {
  var norm1: IntegerNorm
  var norm1Quantizer: ActivationQuantizer
  var qkv: PackedLinear
  var queryQuantizers: [ActivationQuantizer]
  var keyQuantizers: [ActivationQuantizer]
  var scoreShift: Int32
  var valueMultiplier: UnsafePointer<Int32>
  var valueShift: Int32
  var attentionQuantizer: ActivationQuantizer
  var projection: PackedLinear
  var norm2: IntegerNorm
  var norm2Quantizer: ActivationQuantizer
  var fc1: PackedLinear
  var geluFractionBits: Int32
  var geluQuantizer: ActivationQuantizer
  var fc2: PackedLinear
}

/// An int8 model: immutable bytes, read in place, that any number of sessions share.
@safe
public final class IntegerModel: @unchecked Sendable {
  public let configuration: ModelConfiguration
  public let preprocessing: Preprocessing?
  public let readout: Readout
  public let activations: ActivationMode
  public let pixelMapping: PixelMapping
  /// Planes of 8 bits for the softmax's output, 1 or 2.
  public let softmaxPlanes: Int
  /// Fraction bits of the residual stream.
  public let residualFractionBits: Int
  /// Fraction bits of the final norm's output.
  public let finalFractionBits: Int
  /// Fraction bits of logits and pooler outputs.
  public let outputFractionBits: Int
  /// The file's directory.
  public let file: GGUFReader

  let bytes: ModelBytes
  let patchEmbedding: PackedLinear
  let positions: UnsafePointer<Int32>
  let blocks: [IntegerBlock]
  let finalNorm: IntegerNorm
  let headInputShift: Int32
  let headInputQuantizer: ActivationQuantizer
  let head: PackedLinear?
  let pooler: PackedLinear?

  /// Maps a model file; nothing is copied.
  public convenience init(path: String) throws(IntegerModelError) {
    let mapped: MappedFile
    do throws(FileError) { mapped = try MappedFile(path: path) } catch { throw .file(error) }
    try self.init(ModelBytes(mapped))
  }

  /// A model from the bytes of its file, which are copied.
  public convenience init(_ bytes: [UInt8]) throws(IntegerModelError) {
    try self.init(ModelBytes(copying: bytes))
  }

  private init(_ bytes: ModelBytes) throws(IntegerModelError) {
    let decoder = try ModelDecoder(bytes)
    self.bytes = bytes
    file = decoder.file
    configuration = decoder.configuration
    preprocessing = try decoder.preprocessing()
    readout = decoder.readout
    activations = decoder.activations
    pixelMapping = try decoder.pixelMapping()
    softmaxPlanes = try decoder.integer("softmax_planes", in: 1...2)
    residualFractionBits = try decoder.integer("residual_fraction_bits", in: 0...24)
    finalFractionBits = try decoder.integer("final_fraction_bits", in: 0...30)
    outputFractionBits = try decoder.integer("output_fraction_bits", in: 0...30)
    unsafe patchEmbedding = try decoder.linear(
      "patch_embd", outputs: configuration.width, inputs: configuration.patchInputs)
    unsafe positions = try decoder.int32s("position_embd", count: configuration.tokens * configuration.width)
    var blocks: [IntegerBlock] = unsafe []
    for index in 0..<configuration.depth {
      unsafe blocks.append(try decoder.block(index))
    }
    unsafe self.blocks = unsafe blocks
    unsafe finalNorm = try decoder.norm("output_norm")
    headInputShift = Int32(try decoder.integer("head.input_shift", in: 0...24))
    headInputQuantizer = try decoder.quantizer("head.input_range", index: 0, count: 1)
    let segments = configuration.width * readout.segments
    unsafe head =
      configuration.classes > 0
      ? try decoder.linear("output", outputs: configuration.classes, inputs: segments) : nil
    unsafe pooler =
      decoder.hasTensor("pooler.weight")
      ? try decoder.linear("pooler", outputs: configuration.width, inputs: configuration.width) : nil
  }

  /// Whether any layer that all tokens pass through reads 15-bit activations.
  var hasWideBlocks: Bool {
    file.tensors.contains { $0.name.hasPrefix("blk.") && $0.name.hasSuffix(".weight_low") }
  }

  /// Whether the final norm is applied to every token: where the head reads them, or where there is no head.
  public var normsAllTokens: Bool {
    switch readout {
    case .normThenPatchMean, .classTokenAndPatchMean: true
    default: configuration.classes == 0
    }
  }

  /// Size of the file.
  public var byteCount: Int { unsafe bytes.buffer.count }
}
