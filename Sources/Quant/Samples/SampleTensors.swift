import Int8Kernels
import ViTLite

/// The samples of a `.safetensors` file, read one at a time: `images` (U8, raw pixels) or `pixel_values` (F32,
/// normalised), N x C x H x W, and `labels` (any integer type, N) when they are known.
package struct SampleTensors: Sendable {
  package let kind: SampleSet.Kind
  package let count: Int
  package let channels: Int
  package let height: Int
  package let width: Int
  package let labels: [Int]?
  private let file: SafetensorsFile

  /// Maps a file and checks the shapes.
  package init(path: String) throws(SampleError) {
    do { file = try SafetensorsFile(path: path) } catch { throw .file(error, path: path) }
    kind = file["images"] != nil ? .pixels : .values
    let name = kind == .pixels ? "images" : "pixel_values"
    guard let entry = file[name] else { throw .noSamples(path: path) }
    let type: SafetensorsType = kind == .pixels ? .uint8 : .float32
    guard entry.type == type else {
      let valid = kind == .pixels ? "U8" : "F32"
      throw .file(.unsupportedType(name: name, found: entry.typeName, valid: valid), path: path)
    }
    guard entry.shape.count == 4, entry.shape.allSatisfy({ $0 > 0 }) else {
      throw .shape(
        tensor: name, found: entry.shape, expected: "N x C x H x W with every extent at least 1", path: path)
    }
    (count, channels, height, width) = (entry.shape[0], entry.shape[1], entry.shape[2], entry.shape[3])
    guard let labelEntry = file["labels"] else {
      labels = nil
      file.releasePages()
      return
    }
    guard labelEntry.shape == [count] else {
      throw .shape(tensor: "labels", found: labelEntry.shape, expected: "[\(count)], one for each image", path: path)
    }
    do { labels = try file.integers("labels") } catch { throw .file(error, path: path) }
    file.releasePages()
  }

  package var path: String { file.path }

  /// What to call a sample in a message: the file's name and the row.
  package func name(of index: Int) -> String { "\(path)[\(index)]" }

  /// One sample.
  ///
  /// - Throws: when a value is NaN or infinite.
  /// - Precondition: `0 <= index < count`.
  package func sample(_ index: Int) throws(SampleError) -> Sample {
    precondition(index >= 0 && index < count, "a sample of the file")
    let elements = channels * height * width
    do throws(SafetensorsError) {
      switch kind {
      case .pixels:
        return .pixels(try file.bytes("images", index * elements..<(index + 1) * elements))
      case .values:
        let row = try file.bytes("pixel_values", index * elements * 4..<(index + 1) * elements * 4)
        guard let values = unsafe FloatConversion.floats(row.span.bytes, type: .float32) else { return .values([]) }
        if let element = FloatConversion.firstNotFinite(values) {
          throw SafetensorsError.notFinite(
            name: "pixel_values", element: index * elements + element, value: values[element])
        }
        return .values(values)
      }
    } catch { throw .file(error, path: path) }
  }
}

extension SampleSet {
  /// All samples of a file, or `limit` of them, chosen by `seed`.
  public init(path: String, limit: Int? = nil, seed: UInt64 = 0) throws(SampleError) {
    let tensors = try SampleTensors(path: path)
    self.init(
      channels: tensors.channels, height: tensors.height, width: tensors.width, kind: tensors.kind,
      labelled: tensors.labels != nil)
    for index in Self.choose(limit ?? tensors.count, of: tensors.count, seed: seed) {
      // Of the right kind and size, for they come from one tensor.
      _ = append(try tensors.sample(index), label: tensors.labels?[index], name: tensors.name(of: index))
    }
  }
}
