import Int8Kernels
import Quant
import ViTLite

/// What is in a model file, whichever kind it is.
struct ModelContents {
  struct Tensor {
    let name: String
    let type: String
    /// Row-major: the dimension whose elements are adjacent comes last.
    let shape: [Int]
    let byteCount: Int
  }

  let tensors: [Tensor]
  /// Sum of the tensors; files have a header besides.
  var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }

  init(_ model: IntegerModel) {
    tensors = model.contents.tensors.map {
      Tensor(name: $0.name, type: $0.type.name, shape: $0.dimensions.reversed(), byteCount: $0.range.count)
    }
  }

  /// The tensors of a checkpoint: a `.safetensors` file, or a folder with `model.safetensors` or its parts.
  init(checkpoint path: String) throws(CommandError) {
    var tensors: [Tensor] = []
    for file in try Self.files(of: path) {
      let header: SafetensorsHeader
      do { header = try SafetensorsFile(path: file).header } catch { throw .input(ModelFile.located("\(error)", file)) }
      tensors += header.tensors.map {
        Tensor(name: $0.name, type: $0.typeName, shape: $0.shape, byteCount: $0.range.count)
      }
    }
    self.tensors = tensors
  }

  private static func files(of path: String) throws(CommandError) -> [String] {
    guard FileKind(of: path) == .folder else { return [path] }
    let whole = Folder.join(path, "model.safetensors")
    let index = whole + ".index.json"
    guard FileKind(of: whole) == nil, FileKind(of: index) != nil else { return [whole] }
    do {
      let json = try JSON(parsing: MappedFile.contents(of: index, limit: 1 << 28))
      let names = Set((json["weight_map"]?.members ?? []).compactMap { $0.value.string })
      return names.sorted().map { Folder.join(path, $0) }
    } catch { throw .input(ModelFile.located("\(error)", index)) }
  }

  /// Bytes by kind of tensor, the most first; numbers in names, such as a block's, stand for all of their kind.
  var groups: [(pattern: String, count: Int, byteCount: Int)] {
    var groups: [String: (count: Int, byteCount: Int)] = [:]
    for tensor in tensors {
      let parts = tensor.name.split(separator: ".").map { Int($0) == nil ? String($0) : "*" }
      let key = parts.joined(separator: ".")
      let group = groups[key] ?? (0, 0)
      groups[key] = (group.count + 1, group.byteCount + tensor.byteCount)
    }
    return groups.map { ($0.key, $0.value.count, $0.value.byteCount) }.sorted { ($1.2, $0.0) < ($0.2, $1.0) }
  }
}

extension LayerTable {
  /// The table of a checkpoint that is loaded.
  init(_ model: FloatModel, contents: ModelContents) {
    let tokenNames = [
      "cls_token", "class_token", "dist_token", "distillation_token", "reg_token", "register_tokens", "mask_token",
      "pos_embed", "positions", "position_embeddings",
    ]
    let remainders = contents.tensors.filter { tensor in
      tokenNames.contains(tensor.name.split(separator: ".").last.map { String($0) } ?? "")
    }
    let hasQKVBias = contents.tensors.contains {
      $0.name.hasSuffix("qkv.bias") || $0.name.hasSuffix("query.bias") || $0.name.hasSuffix("q_proj.bias")
    }
    self.init(
      model.configuration,
      Facts(
        hasQKVBias: hasQKVBias,
        hasLayerScale: model.blocks.contains { $0.layerScale1 != nil || $0.layerScale2 != nil },
        hasPooler: model.pooler != nil,
        remainders: remainders.map { Remainder(name: $0.name, parameters: $0.shape.reduce(1, *)) }))
  }

  /// The table of an int8 model: that of its float model, but without LayerScale, whose factors are multiplied into the
  /// weights of other layers, and with biases of queries, keys and values, which an int8 model always has.
  init(_ model: IntegerModel) {
    let configuration = model.configuration
    self.init(
      configuration,
      Facts(
        hasPooler: model.layerNames.contains(.pooler),
        remainders: [
          Remainder(
            name: "positions, with the prefix tokens added to theirs",
            parameters: configuration.tokens * configuration.width)
        ]))
  }
}
