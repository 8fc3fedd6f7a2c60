/// The buffers of an inference.
package enum Buffer: Int, CaseIterable, Sendable {
  /// The residual stream: tokens x width, int32.
  case residual
  /// Flattened patches: patches x patch inputs, uint8; these and other activations int16 where a layer that reads them is wide.
  case patches
  /// The input of the linear layers that read rows of the model's width: tokens x width, uint8.
  case activations
  /// Queries, keys and values: tokens x 3 width, int16.
  case qkv
  /// All heads' keys, packed: int8, or room for int16 where some attention is wide.
  case keys
  /// For each head and key: its scale and the sum of its levels, int32.
  case keyScales
  /// All heads' values, packed: of each head its high plane, then the low one where some attention is wide.
  case values
  /// The heads' results side by side: tokens x width, int16.
  case attention
  /// The MLP's hidden layer: tokens x MLP width, int16.
  case hidden
  /// The hidden layer after GELU, quantized: tokens x MLP width, uint8.
  case hiddenActivations
  /// Tokens after the final norm: tokens x width, int32.
  case finalTokens
  /// A mean of tokens, and a row after the final norm: 2 x width, int32.
  case readoutRows
  /// The vector that the head reads, as int16, and quantized, as uint8.
  case headInput
  case headActivations
  /// Logits or the pooler's output, int32.
  case outputs
  /// Zeros, as an operand of products: at least as many as any layer has outputs and any product rows.
  case zeros

  // Each worker has one of each of the following.

  /// Some rows after LayerNorm, int16.
  case normalized
  /// A block of one head's queries: query rows x head width, uint8.
  case queries
  /// Query rows x tokens, int32.
  case scores
  /// Query rows x tokens for each plane, uint8.
  case probabilities
  /// Query rows x head width for each product, int32.
  case weightedSums
  /// The sum of each query's probabilities, int32.
  case rowSums

  package var name: String {
    switch self {
    case .residual: "residual stream"
    case .patches: "patches"
    case .activations: "activations"
    case .qkv: "queries, keys, values"
    case .keys: "packed keys"
    case .keyScales: "key scales and sums"
    case .values: "packed values"
    case .attention: "attention output"
    case .hidden: "hidden layer"
    case .hiddenActivations: "hidden activations"
    case .finalTokens: "final tokens"
    case .readoutRows: "readout rows"
    case .headInput: "head input"
    case .headActivations: "head activations"
    case .outputs: "outputs"
    case .zeros: "zeros"
    case .normalized: "workers: normalised rows"
    case .queries: "workers: queries"
    case .scores: "workers: scores"
    case .probabilities: "workers: softmax"
    case .weightedSums: "workers: weighted values"
    case .rowSums: "workers: softmax sums"
    }
  }

  /// Whether each worker has one of its own.
  var isPerWorker: Bool { rawValue >= Buffer.normalized.rawValue }
}

/// Some of the buffers.
package struct BufferSet: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  private init(_ buffer: Buffer) { rawValue = 1 << UInt32(buffer.rawValue) }

  package func contains(_ buffer: Buffer) -> Bool { contains(BufferSet(buffer)) }

  static let residual = BufferSet(.residual)
  static let patches = BufferSet(.patches)
  static let activations = BufferSet(.activations)
  static let qkv = BufferSet(.qkv)
  static let keys = BufferSet(.keys)
  static let keyScales = BufferSet(.keyScales)
  static let values = BufferSet(.values)
  static let attention = BufferSet(.attention)
  static let hidden = BufferSet(.hidden)
  static let hiddenActivations = BufferSet(.hiddenActivations)
  static let finalTokens = BufferSet(.finalTokens)
  static let readoutRows = BufferSet(.readoutRows)
  static let headInput = BufferSet(.headInput)
  static let headActivations = BufferSet(.headActivations)
  static let outputs = BufferSet(.outputs)
  static let normalized = BufferSet(.normalized)
  static let queries = BufferSet(.queries)
  static let scores = BufferSet(.scores)
  static let probabilities = BufferSet(.probabilities)
  static let weightedSums = BufferSet(.weightedSums)
  static let rowSums = BufferSet(.rowSums)
}

/// The shape of a buffer; of one worker's part, where each worker has its own.
package struct BufferShape: Sendable, Equatable {
  package var rows: Int
  package var columns: Int
  /// Bytes of a number.
  package var elementSize: Int
  /// Whether each row has a scale and a zero point.
  package var hasScales = false

  /// Bytes from one row to the next: rows of activations start at aligned addresses.
  var rowBytes: Int { (hasScales ? MemoryPlan.aligned(columns) : columns) * elementSize }

  /// Bytes of the numbers.
  var elementBytes: Int { MemoryPlan.aligned(rows * rowBytes) }

  /// Bytes of the scales of all rows, and of their zero points.
  var scaleBytes: Int { hasScales ? MemoryPlan.aligned(rows * 4) : 0 }

  var byteCount: Int { elementBytes + 2 * scaleBytes }

  static func int32(_ rows: Int, _ columns: Int) -> BufferShape {
    BufferShape(rows: rows, columns: columns, elementSize: 4)
  }
  static func int16(_ rows: Int, _ columns: Int) -> BufferShape {
    BufferShape(rows: rows, columns: columns, elementSize: 2)
  }
  /// Packed panels.
  static func panels(_ count: Int, byteCount: Int) -> BufferShape {
    BufferShape(rows: count, columns: byteCount, elementSize: 1)
  }
  /// Quantized activations.
  static func activations(_ rows: Int, _ columns: Int, isWide: Bool = false) -> BufferShape {
    BufferShape(rows: rows, columns: columns, elementSize: isWide ? 2 : 1, hasScales: true)
  }
}
