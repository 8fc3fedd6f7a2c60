/// Names in the model file, shared by its writer and its reader.
package enum ModelKey {
  package static let architecture = "vit"

  package static func metadata(_ name: String) -> String { "\(architecture).\(name)" }
  package static func block(_ index: Int, _ name: String) -> String { "blk.\(index).\(name)" }
  /// CRC-32 of each tensor's bytes, in the order of the tensors.
  package static let checksums = metadata("tensor_crc32")
}
