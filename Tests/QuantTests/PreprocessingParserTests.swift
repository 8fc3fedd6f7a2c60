import Testing

@testable import Quant

private func file(_ json: JSON) throws(ConfigurationError) -> ConfigurationFile {
  try ConfigurationFile(json: json, path: "config.json")
}

@Suite("Preprocessing of checkpoints")
struct PreprocessingParserTests {
  @Test("Both resizing to a size and cropping after resizing are read")
  func huggingFace() throws {
    let squash = try PreprocessingParser.huggingFace(
      file([
        "image_processor_type": "ViTImageProcessor", "do_resize": true, "size": ["height": 64, "width": 48],
        "resample": 2, "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
      ]), family: .viT
    ).preprocessing
    #expect(squash.resize == .exact(height: 64, width: 48) && squash.filter == .bilinear && squash.crop == nil)
    let crop = try PreprocessingParser.huggingFace(
      file([
        "image_processor_type": "BitImageProcessor", "size": ["shortest_edge": 72], "resample": 3,
        "do_center_crop": true, "crop_size": ["height": 56, "width": 56], "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
      ]), family: .dinoV2
    ).preprocessing
    #expect(crop.resize == .shortestEdge(72) && crop.filter == .bicubic)
    #expect(crop.outputSize?.height == 56 && crop.mean == [0.485, 0.456, 0.406])
  }

  @Test("The transform of a timm model is read")
  func timm() throws {
    let found = try PreprocessingParser.timm(
      file([
        "architecture": "vit_tiny_patch16_224",
        "pretrained_cfg": [
          "input_size": [3, 64, 64], "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center",
          "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        ],
      ]), channels: 3)
    let timm = try #require(found).preprocessing
    #expect(timm.cropRounding == .halfToEven)
    #expect(timm.resize == .shortestEdge(71) && timm.filter == .bicubic && timm.outputSize?.width == 64)
  }

  @Test("timm resizes to cover a rectangle, and takes the mean of other channels' numbers")
  func timmRectangle() throws {
    let found = try PreprocessingParser.timm(
      file(["input_size": [3, 40, 72], "crop_pct": 0.9, "mean": [0.25, 0.5, 0.75], "std": [0.1, 0.2, 0.3]]),
      channels: 1)
    let timm = try #require(found).preprocessing
    #expect(timm.resize == .covering(height: 44, width: 80))
    #expect(timm.outputSize?.height == 40 && timm.outputSize?.width == 72)
    #expect(timm.mean == [0.5] && timm.standardDeviation.count == 1)
  }

  /// The sizes of facebook/deit-base-distilled-patch16-384's own file.
  @Test("Defaults grow with the size in config.json")
  func defaultsOfOtherSizes() {
    let viT = ImageProcessor.viT.defaults(height: 384, width: 384)
    #expect(viT.resize == .exact(height: 384, width: 384) && viT.crop == nil && viT.outputSize?.height == 384)
    let deiT = ImageProcessor.deiT.defaults(height: 384, width: 384)
    #expect(deiT.resize == .exact(height: 438, width: 438) && deiT.outputSize?.width == 384)
    let clip = ImageProcessor.clip.defaults(height: 336, width: 336)
    #expect(clip.resize == .shortestEdge(336) && clip.outputSize?.width == 336)
    #expect(ImageProcessor.bit.defaults(height: 224, width: 224) == ImageProcessor.bit.defaults)
  }

  /// `timm.data.resolve_data_config`
  @Test("What a timm configuration leaves out is as timm has it, and is said to be assumed")
  func timmDefaults() throws {
    let found = try #require(try PreprocessingParser.timm(file(["input_size": [3, 224, 224]]), channels: 3))
    #expect(found.preprocessing.filter == .bicubic && found.preprocessing.resize == .shortestEdge(256))
    #expect(found.preprocessing.mean == [0.485, 0.456, 0.406])
    #expect(found.assumed == [.resize, .interpolation, .mean, .deviation])
  }

  @Test(
    "Sizes, filters and statistics that make no sense are refused",
    arguments: [
      ["size": ["height": 0, "width": 5]], ["size": [1, 2]], ["resample": 9], ["image_mean": "x"],
      ["image_std": [0.5, 0, 0.5]], ["image_mean": [0.5], "image_std": [0.5, 0.5]],
      ["crop_size": -1, "do_center_crop": true],
    ] as [JSON])
  func refusals(_ json: JSON) {
    #expect(throws: ConfigurationError.self) {
      try PreprocessingParser.huggingFace(file(json), family: .viT)
    }
  }
}
