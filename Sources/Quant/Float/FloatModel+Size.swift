import Int8Kernels
import ViTLite

extension FloatModel {
  /// Numbers that the model consists of, positions included.
  package var parameterCount: Int {
    var linears = [patchEmbedding]
    linears += [head, pooler, projection].compactMap { $0 }
    var count = prefixTokens.count + positions.count + finalNorm.gain.count + finalNorm.bias.count
    count += (preNorm?.gain.count ?? 0) + (preNorm?.bias.count ?? 0)
    for block in blocks {
      linears += BlockLayer.allCases.map { block.layers[$0] }
      let vectors = [
        block.ln1.gain, block.ln1.bias, block.ln2.gain, block.ln2.bias, block.layerScale1 ?? [],
        block.layerScale2 ?? [], block.queryNorm?.gain ?? [], block.queryNorm?.bias ?? [], block.keyNorm?.gain ?? [],
        block.keyNorm?.bias ?? [], block.attentionNorm?.gain ?? [], block.attentionNorm?.bias ?? [],
        block.hiddenNorm?.gain ?? [], block.hiddenNorm?.bias ?? [],
      ]
      count += vectors.reduce(0) { $0 + $1.count }
    }
    return linears.reduce(count) { $0 + $1.weight.count + $1.bias.count }
  }
}
