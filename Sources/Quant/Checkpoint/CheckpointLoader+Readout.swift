import Int8Kernels
import ViTLite

// What becomes of the tokens: pooling, norm, projection, pooler and head.
extension CheckpointLoader {
  /// The head's name in this checkpoint; nil without a head.
  private var headName: String? { names.heads.first { hasLayer($0) } }

  /// The name of the head of the distillation token, in a checkpoint that has both.
  private var distillationHeadName: String? {
    guard headName != nil, let name = names.distillationHead, hasLayer(name) else { return nil }
    return name
  }

  /// What the head reads.
  func readout() throws(CheckpointError) -> Readout {
    guard distillationHeadName == nil else { return .classAndDistillationToken }
    switch family.readout {
    case .always(let readout): return readout
    case .withHead(let readout, let other): return headName == nil ? other : readout
    case .attentionPooling(let other):
      guard headName == nil, let pooling = names.attentionPooling, tensors.contains(pooling.query) else { return other }
      return .attentionPooling
    case .pooling(let usual): return try pooledReadout(usual)
    }
  }

  /// The readout that `global_pool` names; where it names none, the family's own where the model has a class token.
  private func pooledReadout(_ usual: CheckpointConfiguration.Pooling) throws(CheckpointError) -> Readout {
    let hasClassToken = tensors.contains(names.classToken.name)
    let normFollows = pooledNorm != nil
    let standard = normFollows || !hasClassToken ? .patchMean : usual
    let pooling = configuration.pooling ?? standard
    guard pooling != .classToken || hasClassToken else {
      throw unsupported("\"global_pool\" \"token\" without a tensor \"\(names.classToken.name)\", expected \"avg\"")
    }
    let poolsPrefix = configuration.poolsPrefix
    switch (pooling, normFollows) {
    case (.classToken, false): return .classToken
    case (.classToken, true): return .classTokenThenNorm
    case (.patchMean, false): return poolsPrefix ? .normThenTokenMean : .normThenPatchMean
    case (.patchMean, true): return poolsPrefix ? .tokenMeanThenNorm : .patchMeanThenNorm
    case (.patchMaximum, false) where !poolsPrefix: return .normThenPatchMaximum
    case (.patchMaximum, true) where !poolsPrefix: return .patchMaximumThenNorm
    case (.patchMeanAndMaximum, false) where !poolsPrefix: return .normThenPatchMeanAndMaximum
    case (.patchMeanAndMaximum, true) where !poolsPrefix: return .patchMeanAndMaximumThenNorm
    case (.attention, false): return poolsPrefix ? .attentionPooling : .patchAttentionPooling
    default:
      throw unsupported(
        "\"global_pool\" \"\(pooling.rawValue)\""
          + (poolsPrefix ? " of all tokens (\"pool_include_prefix\")" : " before a norm \"\(finalNorm)\"")
          + ", expected one of the patch tokens, or \"avg\"")
    }
  }

  /// The name of the norm of the pooled vector, in a checkpoint that has it in place of the tokens' norm.
  private var pooledNorm: String? {
    guard distillationHeadName == nil, let name = names.pooledNorm, hasLayer(name), !hasLayer(names.norm) else {
      return nil
    }
    return name
  }

  var finalNorm: String { pooledNorm ?? names.norm }

  mutating func pooler() throws(CheckpointError) -> FloatLinear? {
    guard let name = names.pooler, hasLayer(name) else { return nil }
    return try linear(name, outputs: width, inputs: width)
  }

  /// Outputs of the projection; 0 without one.
  func projectionWidth() throws(CheckpointError) -> Int {
    guard let name = names.projection, let found = tensors.shape(name + ".weight") else { return 0 }
    guard found.count == 2, found[0] >= 1, ModelLimits.width.contains(found[0]) else {
      throw .wrongShape(name: name + ".weight", found: found, expected: [found.first ?? 1, width], path: tensors.path)
    }
    return found[0]
  }

  /// The inputs of the family's head, of the class token's where there is another for the distillation token.
  private var headInputs: Int {
    guard case .withHead(let readout, without: _) = family.readout else { return width }
    return readout.segments * width
  }

  /// Classes of the head, as many as the configuration says where it says so; 0 without a head.
  func classes() throws(CheckpointError) -> Int {
    guard let name = headName, let found = tensors.shape(name + ".weight") else { return 0 }
    guard found.count == 2, found[0] >= 1, ModelLimits.classes.contains(found[0]),
      configuration.classes.map({ $0 == found[0] }) ?? true
    else {
      throw .wrongShape(
        name: name + ".weight", found: found, expected: [configuration.classes ?? found.first ?? 1, headInputs],
        path: tensors.path)
    }
    return found[0]
  }

  /// The head, if the model has one. Two heads whose answers are averaged become one that reads both tokens, each with
  /// half of its weights.
  mutating func head() throws(CheckpointError) -> FloatLinear? {
    guard let name = headName else { return nil }
    let classes = try classes()
    let first = try linear(name, outputs: classes, inputs: headInputs)
    guard let name = distillationHeadName else { return first }
    let second = try linear(name, outputs: classes, inputs: width)
    var both = FloatLinear(weight: [], bias: [], outputs: classes, inputs: 2 * width)
    both.weight.reserveCapacity(classes * 2 * width)
    for row in 0..<classes {
      both.weight += first.weight[row * width..<(row + 1) * width].map { $0 / 2 }
      both.weight += second.weight[row * width..<(row + 1) * width].map { $0 / 2 }
      both.bias.append((first.bias[row] + second.bias[row]) / 2)
    }
    return both
  }
}
