import Int8Kernels

// Loading a model checks its structure: every number that the forward pass relies on. These checks read the whole file.
extension IntegerModel {
  /// Checks that each byte of the file is the one that was written: the CRC-32 of what is before the tensors' data and
  /// of each tensor, and that what is between tensors is 0. Loading has checked that the file ends behind the last.
  ///
  /// One pass from the file's beginning to its end, some 10 GB/s where the processor multiplies without carries.
  ///
  /// - Parameter keepsPages: whether what was read may stay in memory. Otherwise a file is copied in parts of 256 KB.
  public func verifyChecksums(keepsPages: Bool = true) throws(IntegerModelError) {
    let source = keepsPages ? nil : weightSource
    try checkHeader()
    let recorded: [Int64]
    do throws(GGUFError) { recorded = try contents.int64s(ModelKey.checksums) } catch { throw .format(error) }
    guard recorded.count == contents.tensors.count else {
      throw .invalid(
        what: "\(recorded.count) checksums", where: "key \(ModelKey.checksums)",
        expected: "\(contents.tensors.count), one for each tensor")
    }
    for (tensor, expected) in zip(contents.tensors, recorded) {
      let found = checksum(of: tensor.range, source)
      guard let expected = UInt32(exactly: expected), found == expected else {
        throw .checksum(tensor: tensor.name, found: found, expected: UInt32(truncatingIfNeeded: expected))
      }
    }
    var end = contents.dataOffset
    for range in contents.tensors.map({ $0.range }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      try checkZeros(end..<range.lowerBound)
      if end < range.lowerBound { source?.release() }
      end = range.upperBound
    }
    try checkZeros(end..<byteCount)
    source?.release()
  }

  /// All checks: `verifyChecksums`, and that column sums and bounds are those of the weights, so that no integer can
  /// overflow with any input. Reads the weights again.
  public func verify() throws(IntegerModelError) {
    try verifyChecksums()
    for name in layerNames {
      guard let layer = layer(name) else { continue }
      let matrix = layer.panels(0..<layer.outputs)
      if let output = matrix.firstWrongColumnSum {
        throw .invalid(
          what: "a wrong column sum of output \(output)", where: "layer \(name)", expected: "the sum of its weights")
      }
      let reach = matrix.reach(rowMultiplier: LayerReach.rowMultiplier(readsPixels: name == .patchEmbedding))
      for (bound, found) in [("accumulator_bound", reach.accumulator), ("output_bound", reach.output)] {
        let key = ModelKey.metadata("\(name).\(bound)")
        let recorded: Int64
        do throws(GGUFError) { recorded = try contents.int64(key) } catch { throw .format(error) }
        guard recorded == found else {
          throw .invalid(what: "\(recorded)", where: "key \(key)", expected: "\(found), as the weights give it")
        }
      }
    }
  }

  private var modelBytes: ModelBytes { bytes[0] }

  private func checkHeader() throws(IntegerModelError) {
    let key = ModelKey.headerChecksum
    guard let place = contents.placeOfUInt32(key), let recorded = contents[key]?.integers?.first else {
      throw .format(.missingKey(key, expected: "a checksum; \"vit-quant calibrate\" writes one"))
    }
    var checksum = CRC32()
    update(&checksum, 0..<place.lowerBound)
    update(&checksum, place.upperBound..<contents.dataOffset)
    let expected = UInt32(truncatingIfNeeded: recorded)
    guard checksum.value == expected else { throw .headerChecksum(found: checksum.value, expected: expected) }
  }

  /// Of bytes of the file; the ranges of tensors lie within it.
  ///
  /// - Parameter source: where to copy them from in parts; nil to read them in place.
  private func checksum(of range: Range<Int>, _ source: WeightSource?) -> UInt32 {
    var checksum = CRC32()
    guard let source else {
      update(&checksum, range)
      return checksum.value
    }
    let size = min(256 << 10, range.count)
    unsafe withUnsafeTemporaryAllocation(byteCount: max(size, 1), alignment: MemoryPlan.alignment) { memory in
      guard let target = memory.baseAddress else { return }
      for first in stride(from: range.lowerBound, to: range.upperBound, by: max(size, 1)) {
        let part = unsafe UnsafeRawBufferPointer(
          rebasing: modelBytes.buffer[first..<min(first + size, range.upperBound)])
        // A file that cannot be read to the tensor's end has another checksum.
        guard unsafe source.copy(part, target) else { return }
        unsafe checksum.update(UnsafeRawBufferPointer(start: target, count: part.count).bytes)
      }
    }
    return checksum.value
  }

  private func update(_ checksum: inout CRC32, _ range: Range<Int>) {
    unsafe checksum.update(UnsafeRawBufferPointer(rebasing: modelBytes.buffer[range]).bytes)
  }

  private func checkZeros(_ range: Range<Int>) throws(IntegerModelError) {
    for offset in range where unsafe modelBytes.buffer[offset] != 0 {
      throw .invalid(what: "a byte that is not zero", where: "offset \(offset)", expected: "zeros between tensors")
    }
  }
}
