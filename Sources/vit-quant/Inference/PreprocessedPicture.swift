import Quant
import ViTLite

/// What `run --show-preprocessing` writes: the pixels of an image as the model reads them, after resize and crop.
final class PreprocessedPicture {
  private let configuration: ModelConfiguration
  private var file: AtomicFile?

  /// Opens the output: what is wrong with its path is found before any work.
  init(path: String, _ configuration: ModelConfiguration) throws(CommandError) {
    self.configuration = configuration
    file = try OutputText.open(path)
  }

  func add(_ sample: Sample, name: String) throws(CommandError) {
    guard case .pixels(let planes) = sample else {
      throw .input("values that are normalised already, \(name), expected an image for --show-preprocessing to show")
    }
    let plane = configuration.imageHeight * configuration.imageWidth
    // Of models with other numbers of channels, those that a picture can have.
    let channels = configuration.channels >= 3 ? 3 : 1
    var samples: [UInt8] = []
    samples.reserveCapacity(plane * channels)
    for pixel in 0..<plane {
      for channel in 0..<channels { samples.append(planes[channel * plane + pixel]) }
    }
    let picture = PNGFile(
      width: configuration.imageWidth, height: configuration.imageHeight, channels: channels, samples: samples)
    do throws(FileError) { try file?.append(picture.bytes) } catch { throw .input("\(error)") }
  }

  /// Puts the file in its place; to be called once.
  func commit() throws(CommandError) {
    do throws(FileError) { try file.take()?.commit() } catch { throw .input("\(error)") }
  }
}
