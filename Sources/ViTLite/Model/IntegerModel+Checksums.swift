extension IntegerModel {
  /// Checks the CRC-32 of every tensor, and that the gaps between tensors, which no checksum covers, hold zeros.
  ///
  /// Reads the whole file; loading does not.
  public func verifyChecksums() throws(IntegerModelError) {
    let recorded: [Int64]
    do throws(GGUFError) { recorded = try contents.int64s(ModelKey.checksums) } catch { throw .format(error) }
    guard recorded.count == contents.tensors.count else {
      throw .invalid(
        what: "\(recorded.count) checksums", where: "key \(ModelKey.checksums)",
        expected: "\(contents.tensors.count), one for each tensor")
    }
    for (tensor, expected) in zip(contents.tensors, recorded) {
      let found = checksum(of: tensor.range)
      guard let expected = UInt32(exactly: expected), found == expected else {
        throw .checksum(tensor: tensor.name, found: found, expected: UInt32(truncatingIfNeeded: expected))
      }
    }
    var end = contents.dataOffset
    for range in contents.tensors.map({ $0.range }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      try checkZeros(end..<range.lowerBound)
      end = range.upperBound
    }
    try checkZeros(end..<byteCount)
  }

  private var modelBytes: ModelBytes { bytes[0] }

  /// Of bytes of the file; the ranges of tensors lie within it.
  private func checksum(of range: Range<Int>) -> UInt32 {
    unsafe CRC32.checksum(of: UnsafeRawBufferPointer(rebasing: modelBytes.buffer[range]).bytes)
  }

  private func checkZeros(_ range: Range<Int>) throws(IntegerModelError) {
    for offset in range where unsafe modelBytes.buffer[offset] != 0 {
      throw .invalid(what: "a byte that is not zero", where: "offset \(offset)", expected: "zeros between tensors")
    }
  }
}
