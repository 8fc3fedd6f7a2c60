import Int8Kernels
import Quant
import ViTLite

/// `vit-quant export MODEL.gguf --to-safetensors F`
enum ExportCommand {
  private static let target = Option<String>.path(
    "--to-safetensors", .output, "F.safetensors", help: "where the dequantized weights and their scales go")

  static let command = Command(
    specification: CommandSpecification(
      name: "export", summary: "Writes the weights of an int8 model as numbers, for other tools.",
      operands: [.init("MODEL", .model, help: "int8 model (.gguf)")], options: [OptionDeclaration(target)],
      requiredOptions: [target.name], example: "vit-quant export model.gguf --to-safetensors weights.safetensors",
      notes: [
        "Of each linear layer NAME: NAME.weight, fp32, outputs x inputs, which is level times scale; NAME.scale, one for "
          + "each output; NAME.bias. Of each norm NAME.weight and NAME.bias. The units are the model file's: a weight is "
          + "in integers of the output for each integer of the input."
      ]),
    run: run)

  /// A tensor of the file; its numbers are made when they are written.
  private struct Entry {
    let name: String
    let shape: [Int]
    let numbers: () -> [Float]
  }

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let model = try ModelFile.loadInteger(arguments.operands[0])
    let path = arguments[target] ?? ""
    let entries =
      model.layerNames.flatMap { linear($0, of: model) } + norms(of: model) + factors(of: model)
      + rotation(of: model)
    do throws(SafetensorsError) {
      var writer = try SafetensorsWriter(
        path: path,
        tensors: entries.map { SafetensorsDeclaration(name: $0.name, type: .float32, shape: $0.shape) })
      for entry in entries { try writer.append(entry.numbers()) }
      try writer.commit()
    } catch { throw .input("\(error)") }
    try console.print("\(path): \(entries.count) tensors of \(model.layerNames.count) linear layers")
  }

  private static func linear(_ name: LayerName, of model: IntegerModel) -> [Entry] {
    guard let layer = model.shape(of: name) else { return [] }
    return [
      Entry(name: "\(name).weight", shape: [layer.outputs, layer.inputs]) {
        guard let numbers = model.numbers(of: name) else { return [] }
        return numbers.levels.indices.map { numbers.levels[$0] * Float(numbers.scales[$0 / numbers.inputs]) }
      },
      Entry(name: "\(name).scale", shape: [layer.outputs]) { model.numbers(of: name)?.scales.map { Float($0) } ?? [] },
      Entry(name: "\(name).bias", shape: [layer.outputs]) { model.numbers(of: name)?.bias ?? [] },
    ]
  }

  private static func norms(of model: IntegerModel) -> [Entry] {
    (0..<model.configuration.blockCount).flatMap { block in
      BlockNorm.allCases.flatMap { norm -> [Entry] in
        guard let width = model.numbers(of: norm, block: block)?.gain.count else { return [] }
        let name = ModelKey.block(block, norm.rawValue)
        return [
          Entry(name: "\(name).weight", shape: [width]) { model.numbers(of: norm, block: block)?.gain ?? [] },
          Entry(name: "\(name).bias", shape: [width]) { model.numbers(of: norm, block: block)?.bias ?? [] },
        ]
      }
    }
  }

  /// The matrix that rotates the residual stream before the first block; its transpose rotates it back after the last.
  private static func rotation(of model: IntegerModel) -> [Entry] {
    model.hadamard.map { [Entry(name: ModelKey.hadamardMatrix, shape: [$0.width, $0.width], numbers: $0.matrix)] } ?? []
  }

  /// What the activations of the hidden layers are multiplied by.
  private static func factors(of model: IntegerModel) -> [Entry] {
    (0..<model.configuration.blockCount).compactMap { block in
      model.hiddenFactors(block: block).map { factors in
        Entry(name: ModelKey.hiddenFactors(block), shape: [factors.count]) { factors }
      }
    }
  }
}
