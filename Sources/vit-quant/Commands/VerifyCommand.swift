import Int8Kernels
import Quant
import ViTLite

/// `vit-quant verify MODEL`
enum VerifyCommand {
  static let command = Command(
    specification: CommandSpecification(
      name: "verify", summary: "Checks an int8 model file end to end: every byte, structure, bounds recomputed.",
      operands: [.init("MODEL", .model, help: "int8 model (.gguf)")],
      example: "vit-quant verify model.gguf && vit-quant run model.gguf photo.jpg",
      notes: ["Exit status 1 when the file is damaged, 3 when it is not there, cannot be read or is no int8 model."]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let path = arguments.operands[0]
    // A file that cannot be read, or is something else, is bad input; a model file that is damaged fails the check.
    try ModelFile.checkMayBeInteger(path)
    let model: IntegerModel
    do {
      model = try IntegerModel(path: path)
      try model.verify()
    } catch {
      throw .gate(ModelFile.located(error.description, path))
    }
    try console.print(
      "\(path): \(console.styled("valid", .green)), \(model.contents.tensors.count) tensors, "
        + "\(NumberText.bytes(model.byteCount)), every byte as written")
  }
}
