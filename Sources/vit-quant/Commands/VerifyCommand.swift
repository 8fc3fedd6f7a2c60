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
      notes: ["Exit status 1 when the file is damaged, 3 when there is no such file or it cannot be read."]),
    run: run)

  private static func run(_ arguments: ParsedArguments, _ console: Console) throws(CommandError) {
    let path = arguments.operands[0]
    // A file that cannot be read is bad input; one that can, and is no valid model, fails the check.
    do { _ = try MappedFile(path: path) } catch { throw .input("\(error)") }
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
