import Int8Kernels
import ViTLite

extension FloatModel {
  /// Numbers that the model consists of, positions included.
  public var parameterCount: Int {
    var linears = [patchEmbedding]
    linears += [head, pooler].compactMap { $0 }
    var count = prefixTokens.count + positions.count + finalNorm.gain.count + finalNorm.bias.count
    for block in blocks {
      linears += [block.qkv, block.projection, block.fc1, block.fc2]
      let vectors = [
        block.norm1.gain, block.norm1.bias, block.norm2.gain, block.norm2.bias, block.layerScale1 ?? [],
        block.layerScale2 ?? [],
      ]
      count += vectors.reduce(0) { $0 + $1.count }
    }
    return linears.reduce(count) { $0 + $1.weight.count + $1.bias.count }
  }
}
