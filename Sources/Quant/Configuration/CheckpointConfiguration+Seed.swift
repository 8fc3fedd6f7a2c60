import Int8Kernels
import ViTLite

extension CheckpointConfiguration {
  /// `model_type` `seed-vit`: Hugging Face's keys, without defaults for the dimensions.
  static func seed(_ file: ConfigurationFile) throws(ConfigurationError) -> CheckpointConfiguration {
    let width = try file.int("hidden_size", in: widths, default: nil)
    guard let image = try file.size("image_size", in: imageSizes) else {
      throw .missing(key: "image_size", expected: "an integer or a pair [height, width]", path: file.path)
    }
    let labels = try labels(file)
    return CheckpointConfiguration(
      family: .seedViT, imageHeight: image.height, imageWidth: image.width,
      patchSize: try patchSize(file, default: nil),
      channels: try file.int("num_channels", in: channelCounts, default: 3), width: width,
      depth: try file.int("num_hidden_layers", in: depths, default: nil),
      heads: try file.int("num_attention_heads", in: widths, default: nil),
      mlpWidth: try file.int("intermediate_size", in: widths, default: min(4 * width, widths.upperBound)),
      layerNormEpsilon: try file.double("layer_norm_eps", in: epsilons) ?? 1e-5, hasQKVBias: true,
      classes: try file.int("num_labels", in: classCounts) ?? (labels.isEmpty ? nil : labels.count), labels: labels,
      registers: 0, pooling: nil)
  }
}
