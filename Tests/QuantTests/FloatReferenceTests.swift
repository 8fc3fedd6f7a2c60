import TestSupport
import Testing

@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// Differences from what other implementations computed: at most 1e-4 of the largest expected magnitude.
private func expectClose(
  _ found: [Float], _ expected: [Float], _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, "\(name)", sourceLocation: sourceLocation)
  let largest = expected.reduce(0) { max($0, abs($1)) }
  let difference = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
  #expect(difference <= 1e-4 * largest, "\(name)", sourceLocation: sourceLocation)
}

@Suite("Float reference")
struct FloatReferenceTests {
  @Test(
    "The float reference agrees with the original implementation", arguments: GoldenFiles.models + GoldenFiles.families)
  func goldenModels(_ name: String) throws { try compare(GoldenFiles.path(name), with: [.fastest, .portable]) }

  @Test(
    "The float reference agrees with the original implementation, on cases beside the repository",
    .enabled(if: Repository.hasFamilies, Comment(rawValue: Repository.needsFamilies)), arguments: Repository.families)
  func otherFamilies(_ path: String) throws { try compare(path, with: [.fastest]) }

  @Test("Images taken through block by block give what each gives alone, to the bit", arguments: GoldenFiles.families)
  func blockByBlock(_ name: String) throws {
    let io = try SafetensorsFile(path: "\(GoldenFiles.path(name))/io.safetensors")
    let shape = try #require(io["pixel_values"]?.shape)
    let model = try Checkpoint.load(path: GoldenFiles.path(name), imageSize: (shape[2], shape[3])).model
    let size = model.configuration.imageElements
    var generator = SplitMix64(seed: 1)
    let images = (0..<3).map { _ in (0..<size).map { _ in Float(generator.next() % 256) / 128 - 1 } }
    let together = model.outputs(count: images.count, threads: 2) { images[$0] }
    let reference = FloatReference(model)
    for (index, image) in images.enumerated() {
      let alone = try reference.run(image)
      #expect(together[index].lastHiddenState == alone.lastHiddenState, "image \(index)")
      #expect(together[index].poolerOutput == alone.poolerOutput, "image \(index)")
      #expect(together[index].logits == alone.logits, "image \(index)")
      #expect(together[index].imageEmbedding == alone.imageEmbedding, "image \(index)")
    }
  }

  private func compare(_ folder: String, with kernels: [SGEMM]) throws {
    let io = try SafetensorsFile(path: "\(folder)/io.safetensors")
    let pixels = try io.floats("pixel_values")
    let shape = try #require(io["pixel_values"]?.shape)
    let model = try Checkpoint.load(path: folder, imageSize: (shape[2], shape[3])).model
    for gemm in kernels {
      let reference = FloatReference(model, gemm: gemm)
      let workspace = FloatWorkspace(model.configuration)
      var outputs: [FloatOutput] = []
      for image in 0..<shape[0] {
        let size = pixels.count / shape[0]
        let one = Array(pixels[image * size..<(image + 1) * size])
        outputs.append(try reference.run(one, workspace: workspace, keepsHiddenStates: true))
      }
      for layer in 0...model.configuration.depth where io["hidden_states.\(layer)"] != nil {
        expectClose(
          outputs.flatMap { $0.hiddenStates[layer] }, try io.floats("hidden_states.\(layer)"), "hidden_states.\(layer)")
      }
      if io["logits"] != nil { expectClose(outputs.flatMap { $0.logits ?? [] }, try io.floats("logits"), "logits") }
      if io["last_hidden_state"] != nil {
        expectClose(
          outputs.flatMap { $0.lastHiddenState }, try io.floats("last_hidden_state"), "last_hidden_state")
      }
      if io["image_embeds"] != nil {
        expectClose(outputs.flatMap { $0.imageEmbedding ?? [] }, try io.floats("image_embeds"), "image_embeds")
      }
      if io["pooler_output"] != nil {
        expectClose(outputs.flatMap { $0.poolerOutput }, try io.floats("pooler_output"), "pooler_output")
      }
    }
  }

  @Test("The bundled model gives the logits of the seed implementation")
  func bundledModel() throws {
    let checkpoint = try BundledModel.checkpoint()
    #expect(checkpoint.preprocessing?.mean == [0.286])
    #expect(checkpoint.model.configuration.labels.last == "Ankle boot")
    let io = try SafetensorsFile(path: "\(Repository.fashionMNIST)/reference.safetensors")
    let pixels = try io.floats("pixel_values")
    let reference = FloatReference(checkpoint.model)
    let workspace = FloatWorkspace(reference.configuration)
    let logits = try (0..<32).flatMap { image in
      try reference.run(Array(pixels[image * 784..<(image + 1) * 784]), workspace: workspace).logits ?? []
    }
    expectClose(logits, try io.floats("logits"), "logits")
  }

  @Test(
    "A real backbone gives finite numbers",
    .enabled(if: Repository.hasBackbone, Comment(rawValue: Repository.needsBackbone)))
  func backbone() throws {
    let checkpoint = try Checkpoint.load(path: Repository.backbone)
    #expect(checkpoint.model.configuration.tokens == 257)
    let reference = FloatReference(checkpoint.model)
    let pixels = [Float](repeating: 0.1, count: 3 * 224 * 224)
    let output = try reference.run(pixels, workspace: FloatWorkspace(reference.configuration))
    #expect(FloatConversion.firstNotFinite(output.lastHiddenState) == nil)
  }

  @Test("A token's attention does not depend on the block of query rows that it is in")
  func queryBlocks() throws {
    let patches = 2 * FloatWorkspace.queryRows + 7
    let configuration = IntegerModelCase.configuration {
      ($0.imageHeight, $0.imageWidth, $0.prefixTokens) = (3, 3 * patches, 0)
    }
    var model = FloatModel.random(configuration, seed: 3)
    // The same pixels and positions in every block of rows, at other places within them.
    let twins = [5, FloatWorkspace.queryRows + 17, patches - 1]
    var pixels = (0..<9 * patches).map { Float($0 * 37 % 101) / 101 }
    for twin in twins {
      for row in 0..<3 { for column in 0..<3 { pixels[row * 3 * patches + 3 * twin + column] = 0.5 } }
      model.positions.replaceSubrange(twin * 12..<(twin + 1) * 12, with: repeatElement(0.25, count: 12))
    }
    for gemm in [SGEMM.fastest, .portable] {
      let output = try FloatReference(model, gemm: gemm).run(pixels, workspace: FloatWorkspace(configuration))
      let tokens = twins.map { Array(output.lastHiddenState[$0 * 12..<($0 + 1) * 12]) }
      #expect(tokens[0] == tokens[1] && tokens[1] == tokens[2])
      #expect(output.lastHiddenState[12..<24] != output.lastHiddenState[60..<72])
    }
  }

  @Test("Another number of values than the model's is refused", arguments: [0, 3 * 32 * 32 - 1, 3 * 32 * 32 + 1])
  func wrongCount(count: Int) throws {
    let reference = FloatReference(try Checkpoint.load(path: GoldenFiles.path("timm-vit")).model)
    let values = [Float](repeating: 0.5, count: count)
    #expect(throws: InferenceError.pixelCount(found: count, expected: 3 * 32 * 32)) { try reference.run(values) }
  }

  @Test("A tap sees every site with its shape")
  func tap() throws {
    struct Shapes: ActivationTap {
      var seen: [ActivationSite: Int] = [:]
      var areConsistent = true
      mutating func observe(
        _ site: ActivationSite, block: Int, _ values: Span<Float>, rows: Int, columns: Int
      ) {
        areConsistent = areConsistent && values.count == rows * columns
        seen[site, default: 0] += 1
      }
    }
    let model = try Checkpoint.load(path: GoldenFiles.path("timm-vit")).model
    let pixels = [Float](repeating: 0.5, count: 3 * 32 * 32)
    var shapes = Shapes()
    _ = FloatReference(model).run(pixels.span, workspace: FloatWorkspace(model.configuration), tap: &shapes)
    #expect(shapes.areConsistent)
    let once: Set<ActivationSite> = [
      .patches, .embeddings, .lastResidual, .finalNormInput, .finalNormOutput, .headInput, .logits,
    ]
    for site in once { #expect(shapes.seen[site] == 1, "\(site)") }
    var ofBlock: [ActivationSite] = [.residual, .residualMiddle]
    for layer in BlockLayer.allCases { ofBlock += [.input(layer), .output(layer)] }
    for site in ofBlock { #expect(shapes.seen[site] == 2, "\(site)") }
    #expect(shapes.seen.count == once.count + ofBlock.count)
  }
}
