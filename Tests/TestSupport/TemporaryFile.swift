import LibC
import Quant
import ViTLite

/// A new file in the system's folder for temporary ones.
package func temporaryFile(_ bytes: [UInt8]) throws(FileError) -> String {
  let path = "/tmp/vit-quant-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
  try AtomicFile.save(bytes, to: path)
  return path
}

package func removeFile(_ path: String) { _ = unlink(path) }
