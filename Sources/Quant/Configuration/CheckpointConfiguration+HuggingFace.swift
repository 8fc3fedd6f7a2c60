import Int8Kernels
import ViTLite

extension CheckpointConfiguration {
  /// Keys and defaults of `ViTConfig`, `DeiTConfig`, `Dinov2Config` and `Dinov2WithRegistersConfig` of transformers.
  static func huggingFace(
    _ file: ConfigurationFile, _ family: ModelConfiguration.Family
  ) throws(ConfigurationError) -> CheckpointConfiguration {
    let isDino = family == .dinoV2 || family == .dinoV2WithRegisters
    if try file.bool("use_swiglu_ffn") == true {
      throw .unsupported(key: "use_swiglu_ffn", found: "SwiGLU (true)", supported: "false", path: file.path)
    }
    if try file.bool("apply_layernorm") == false {
      throw .unsupported(key: "apply_layernorm", found: "false", supported: "true", path: file.path)
    }
    let width = try file.int("hidden_size", in: widths, default: 768)
    let image = try file.size("image_size", in: imageSizes) ?? (224, 224)
    let labels = try labels(file)
    let declared = try file.int("num_labels", in: classCounts)
    return CheckpointConfiguration(
      family: family, imageHeight: image.height, imageWidth: image.width,
      patchSize: try patchSize(file, default: family == .dinoV2 ? 14 : 16),
      channels: try file.int("num_channels", in: channelCounts, default: 3), width: width,
      depth: try file.int("num_hidden_layers", in: depths, default: 12),
      heads: try file.int("num_attention_heads", in: widths, default: 12),
      mlpWidth: isDino
        ? try mlpWidth(file, width: width) : try file.int("intermediate_size", in: widths, default: 3072),
      layerNormEpsilon: try file.double("layer_norm_eps", in: epsilons) ?? (isDino ? 1e-6 : 1e-12),
      hasQKVBias: try file.bool("qkv_bias") ?? true, classes: labels.isEmpty ? declared : labels.count, labels: labels,
      registers: family == .dinoV2WithRegisters
        ? try file.int("num_register_tokens", in: registerCounts, default: 4) : 0, pooling: nil)
  }

  /// DINOv2 gives the MLP's width as a multiple of the model's.
  private static func mlpWidth(_ file: ConfigurationFile, width: Int) throws(ConfigurationError) -> Int {
    let ratio = try file.double("mlp_ratio", in: 1...64) ?? 4
    let mlpWidth = Int(Double(width) * ratio)
    guard widths.contains(mlpWidth) else {
      throw .invalid(
        key: "mlp_ratio", found: "an MLP of width \(mlpWidth)", expected: "a width up to \(widths.upperBound)",
        path: file.path)
    }
    return mlpWidth
  }
}
