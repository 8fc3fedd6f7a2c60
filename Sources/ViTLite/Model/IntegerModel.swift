import Int8Kernels

/// One block of an integer model; its tensors lie where the model's bytes do.
struct IntegerBlock: Sendable {
  var ln1: IntegerNorm
  var ln2: IntegerNorm
  var layers: BlockLayers<LinearLayer>
  /// How the activations that each linear layer reads get their scales.
  var quantizers: BlockLayers<ActivationQuantizer>
  /// One for each head.
  var queryQuantizers: [ActivationQuantizer]
  var keyQuantizers: [ActivationQuantizer]
  var scoreShift: Int32
  /// Whether queries and keys are int16, and values and probabilities have 15 bits in two planes.
  var hasWideAttention: Bool
  /// The scales of the values' channels, of all heads.
  var valueScales: ChannelScales
  /// What happens between the MLP's layers.
  var hidden: HiddenOperation
  /// Norms of each head's queries and keys: numbers for all heads, one after the other.
  var queryNorm: IntegerNorm?
  var keyNorm: IntegerNorm?
  /// Of the patches' queries and keys.
  var rotation: Rotation?
  /// Of the heads' results together.
  var attentionNorm: IntegerNorm?
}

/// An int8 model: immutable bytes, read in place, that any number of sessions share.
@safe
public final class IntegerModel: @unchecked Sendable {
  public let configuration: ModelConfiguration
  public let preprocessing: Preprocessing?
  public let activations: ActivationMode
  package let pixelMapping: PixelMapping
  /// Planes of 8 bits for the softmax's output, 1 or 2.
  package let softmaxPlanes: Int
  /// Fraction bits of the residual stream.
  package let residualFractionBits: Int
  /// Fraction bits of the final norm's output.
  package let finalFractionBits: Int
  /// Fraction bits of logits and pooler outputs.
  package let outputFractionBits: Int
  /// The places of an inference's buffers that the file holds.
  private let storedPlans: StoredPlans
  /// The file's metadata, and the name, shape and place of each tensor.
  package let contents: GGUFReader

  /// The bytes that the views below point into; they live as long as the model.
  let bytes: [ModelBytes]
  let patchEmbedding: LinearLayer
  /// Tokens x width: the residual stream before the patches are added. Only read.
  let positions: Matrix<Int32>
  /// With the one that pools by attention at their end, where there is one.
  let blocks: [IntegerBlock]
  /// Between the embeddings and the first block.
  let preNorm: IntegerNorm?
  let finalNorm: IntegerNorm
  let headInputShift: Int32
  let headInputQuantizer: ActivationQuantizer
  let head: LinearLayer?
  let pooler: LinearLayer?
  let projection: LinearLayer?
  /// Of the residual stream, between the embeddings and the readout.
  package let hadamard: HadamardRotation?

  /// A model from the bytes of its file, which are copied.
  public convenience init(_ bytes: [UInt8]) throws(IntegerModelError) {
    try self.init(ModelBytes(copying: bytes))
  }

  /// A model that reads the bytes of its file in place, wherever they lie: in flash, or in memory that the caller owns.
  ///
  /// - Parameter bytes: at an address that is a multiple of 64. They must stay where they are, unchanged, as long as
  ///   the model or a session of it exists.
  @unsafe
  public convenience init(borrowing bytes: UnsafeRawBufferPointer) throws(IntegerModelError) {
    try unsafe self.init(ModelBytes(borrowing: bytes))
  }

  /// A model that reads bytes in place, of which not all need be in memory at a time.
  ///
  /// - Parameters:
  ///   - bytes: as above.
  ///   - source: where parts of them can be read from again.
  @unsafe
  package convenience init(
    borrowing bytes: UnsafeRawBufferPointer, _ source: WeightSource
  ) throws(IntegerModelError) {
    try unsafe self.init(ModelBytes(borrowing: bytes, source: source))
  }

  /// A model that reads the bytes of its file in memory that another object keeps.
  ///
  /// - Parameter bytes: at an address that is a multiple of 64, valid as long as the object lives.
  @unsafe
  package convenience init(borrowing bytes: UnsafeRawBufferPointer, keptBy owner: AnyObject) throws(IntegerModelError) {
    try unsafe self.init(ModelBytes(bytes, keptBy: owner))
  }

  init(_ bytes: ModelBytes) throws(IntegerModelError) {
    let decoder = try ModelDecoder(bytes)
    self.bytes = [bytes]
    contents = decoder.file
    configuration = decoder.configuration
    preprocessing = try decoder.preprocessing()
    activations = decoder.activations
    pixelMapping = try decoder.pixelMapping()
    softmaxPlanes = try decoder.integer("softmax_planes", in: 1...2)
    residualFractionBits = try decoder.integer("residual_fraction_bits", in: 0...24)
    finalFractionBits = try decoder.integer("final_fraction_bits", in: 0...30)
    outputFractionBits = try decoder.integer("output_fraction_bits", in: 0...30)
    patchEmbedding = try decoder.linear(
      .patchEmbedding, outputs: configuration.width, inputs: configuration.patchInputs)
    positions = try decoder.positions()
    blocks = try decoder.blocks()
    hadamard = try decoder.hadamard()
    finalNorm = try decoder.norm(ModelKey.outputNorm)
    headInputShift = Int32(try decoder.integer("head.input_shift", in: 0...24))
    headInputQuantizer = try decoder.quantizers("head.input_range", count: 1)[0]
    let segments = configuration.width * configuration.readout.segments
    head =
      configuration.classes > 0
      ? try decoder.linear(.output, outputs: configuration.classes, inputs: segments) : nil
    preNorm = configuration.normBeforeBlocks ? try decoder.norm(ModelKey.preNorm) : nil
    projection =
      configuration.projectionWidth > 0
      ? try decoder.linear(.projection, outputs: configuration.projectionWidth, inputs: configuration.width) : nil
    pooler =
      decoder.hasTensor("pooler.weight")
      ? try decoder.linear(.pooler, outputs: configuration.width, inputs: configuration.width) : nil
    storedPlans = try decoder.storedPlans(
      for: Self.outline(
        configuration, softmaxPlanes: softmaxPlanes, patchEmbedding, blocks, output: head ?? projection ?? pooler))
  }

  /// Another model's parts with other linear layers.
  private init(
    _ other: IntegerModel, bytes: [ModelBytes], patchEmbedding: LinearLayer, blocks: [IntegerBlock],
    head: LinearLayer?, pooler: LinearLayer?, projection: LinearLayer?
  ) {
    preNorm = other.preNorm
    configuration = other.configuration
    preprocessing = other.preprocessing
    activations = other.activations
    pixelMapping = other.pixelMapping
    softmaxPlanes = other.softmaxPlanes
    residualFractionBits = other.residualFractionBits
    finalFractionBits = other.finalFractionBits
    outputFractionBits = other.outputFractionBits
    contents = other.contents
    self.bytes = bytes
    self.patchEmbedding = patchEmbedding
    positions = other.positions
    self.blocks = blocks
    hadamard = other.hadamard
    finalNorm = other.finalNorm
    headInputShift = other.headInputShift
    headInputQuantizer = other.headInputQuantizer
    self.head = head
    self.pooler = pooler
    // Other layers may be wide, and need other buffers.
    storedPlans = StoredPlans()
    self.projection = projection
  }

  /// What makes the outputs of the pooled vector; without it the outputs are the pooled vector itself.
  var outputLayer: LinearLayer? { head ?? projection ?? pooler }

  /// A linear layer; nil where the model has none of that name.
  func layer(_ name: LayerName) -> LinearLayer? {
    switch name {
    case .patchEmbedding: patchEmbedding
    case .block(let index, let layer): blocks.indices.contains(index) ? blocks[index].layers[layer] : nil
    case .attention: nil
    case .output: head
    case .pooler: pooler
    case .projection: projection
    }
  }

  /// This model with some layers of another that was made of the same float model, in the same units. Nothing is copied
  /// but scales and biases: calibration tries many such candidates.
  ///
  /// - Parameters:
  ///   - names: linear layers that both models have.
  ///   - scales: for linear layers that get neither model's.
  ///   - attentions: blocks whose attention becomes wide, each with the shift of its values' scales.
  package func replacing(
    _ names: Set<LayerName>, from other: IntegerModel, scales: [LayerName: OutputScales], attentions: [Int: Int32]
  ) -> IntegerModel {
    var bytes = bytes + other.bytes
    func copy(_ numbers: [Int32]) -> Vector<Int32> {
      let copy = ModelBytes(copying: LittleEndian.bytes(of: numbers))
      bytes.append(copy)
      return copy.int32s
    }
    func chosen(_ name: LayerName) -> LinearLayer? {
      let layer = names.contains(name) ? other.layer(name) : self.layer(name)
      guard let layer, let scales = scales[name] else { return layer }
      return layer.replacing(multiplier: copy(scales.multiplier), bias: copy(scales.bias), shift: scales.shift)
    }
    let newBlocks = blocks.enumerated().map { index, block in
      var block = block
      block.layers = BlockLayers { layer in chosen(.block(index, layer)) ?? block.layers[layer] }
      if let shift = attentions[index] {
        block.hasWideAttention = true
        block.valueScales = ChannelScales(multiplier: block.valueScales.multiplier, shift: shift)
      }
      return block
    }
    let embedding = chosen(.patchEmbedding) ?? patchEmbedding
    let (head, pooler, projection) = (chosen(.output), chosen(.pooler), chosen(.projection))
    return IntegerModel(
      self, bytes: bytes, patchEmbedding: embedding, blocks: newBlocks, head: head, pooler: pooler,
      projection: projection)
  }

  /// What a plan for this model depends on.
  package var outline: ModelOutline {
    var outline = Self.outline(
      configuration, softmaxPlanes: softmaxPlanes, patchEmbedding, blocks, output: head ?? projection ?? pooler)
    outline.storedPlans = storedPlans
    return outline
  }

  private static func outline(
    _ configuration: ModelConfiguration, softmaxPlanes: Int, _ patchEmbedding: LinearLayer, _ blocks: [IntegerBlock],
    output: LinearLayer?
  ) -> ModelOutline {
    ModelOutline(
      configuration: configuration, softmaxPlanes: softmaxPlanes,
      blocks: blocks.map { BlockWidths(layers: $0.layers.map { $0.isWide }, attention: $0.hasWideAttention) },
      hasWidePatchEmbedding: patchEmbedding.isWide, hasWideOutput: output?.isWide ?? false)
  }

  /// The names of the linear layers, in the order of the forward pass.
  public var layerNames: [LayerName] {
    LayerName.all(
      blocks: blocks.count, hasOutput: head != nil, hasPooler: pooler != nil, hasProjection: projection != nil)
  }

  /// The name of the layer that makes the outputs of the pooled vector; nil where the outputs are that vector.
  package var outputLayerName: LayerName? {
    if head != nil { return .output }
    if projection != nil { return .projection }
    return pooler == nil ? nil : .pooler
  }

  /// The layers that are kept at int16, in the order of the forward pass: linear layers, and attentions by the name
  /// `blk.N.attn`.
  public var wideLayerNames: [LayerName] {
    LayerName.withAttention(layerNames).filter { name in
      if case .attention(let index) = name { return blocks[index].hasWideAttention }
      return layer(name)?.isWide ?? false
    }
  }

  /// Whether weights can be let go and read again, as those of a mapped file can.
  package var canReleaseWeights: Bool { weightSource != nil }

  /// Where the weights can be read from again; nil where they are in memory for good.
  var weightSource: WeightSource? { bytes.count == 1 ? bytes[0].source : nil }

  /// Whether a part of a mapped model was gone when it was read; see `MappedFileGuard`.
  var isShortened: Bool { bytes.contains { $0.source?.isShortened() ?? false } }

  /// Takes a mapped model's pages out of memory; they are read again when they are used.
  package func releaseWeights() { weightSource?.release() }

  /// All bytes of the file, valid while this object lives; nil for a model that is made of several.
  @unsafe package var unsafeBytes: UnsafeRawBufferPointer? { bytes.count == 1 ? unsafe bytes[0].buffer : nil }

  /// Size of the file.
  public var byteCount: Int { bytes.reduce(0) { $0 + $1.count } }
}
