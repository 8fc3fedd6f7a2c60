import Int8Kernels
import ViTLite

/// Why images or values are not a sample set that a model can use.
public enum SampleError: Error, Equatable, Sendable, CustomStringConvertible {
  case file(SafetensorsError, path: String)
  /// Neither `images` nor `pixel_values`.
  case noSamples(path: String)
  /// A tensor whose shape is not N x C x H x W with every extent at least 1, or labels that are not N.
  case shape(tensor: String, found: [Int], expected: String, path: String)
  /// A label beyond the classes of the model.
  case label(found: Int, sample: String, classes: Int)

  public var description: String {
    switch self {
    case .file(let error, let path):
      if case .file = error { "\(error)" } else { "\(error), \(path)" }
    case .noSamples(let path):
      "no samples, \(path), expected a tensor \"images\" (U8) or \"pixel_values\" (F32), N x C x H x W"
    case .shape(let tensor, let found, let expected, let path):
      "shape \(found), tensor \"\(tensor)\" of \(path), expected \(expected)"
    case .label(let found, let sample, let classes):
      "label \(found), \(sample), expected a class from 0 to \(classes - 1)"
    }
  }
}

/// One image as a model takes it: channels x height x width, row-major.
public enum Sample: Sendable, Equatable {
  /// Raw 8-bit pixels, to be normalised by the model's preprocessing.
  case pixels([UInt8])
  /// Values that are normalised already.
  case values([Float])

  /// Values or pixels of the image.
  package var count: Int {
    switch self {
    case .pixels(let pixels): pixels.count
    case .values(let values): values.count
    }
  }

  /// The values that a float model reads: pixels are scaled and normalised, values are as they are.
  ///
  /// - Parameter preprocessing: of the model, with mean and deviation for each channel; without it pixels are only
  ///   scaled to 0...1.
  public func values(preprocessing: Preprocessing?, channels: Int) -> [Float] {
    switch self {
    case .values(let values): values
    case .pixels(let pixels): PixelNormalization(preprocessing, channels: channels).values(of: pixels)
    }
  }
}

/// Images of one size, in memory: what a model is calibrated with.
public struct SampleSet: Sendable {
  /// Whether a set holds raw pixels or normalised values.
  public enum Kind: Sendable { case pixels, values }

  public let kind: Kind
  public private(set) var count = 0
  public let channels: Int
  public let height: Int
  public let width: Int
  /// The class of each sample; nil when they are not known.
  public private(set) var labels: [Int]?
  /// What to call each sample in a message: a file, or a tensor's row.
  public private(set) var names: [String] = []
  /// One of the two is empty: two arrays rather than one enumeration, so that appending is in place.
  private var pixels: [UInt8] = []
  private var values: [Float] = []

  /// An empty set for images of this size.
  public init(channels: Int, height: Int, width: Int, kind: Kind, labelled: Bool) {
    self.kind = kind
    self.channels = channels
    self.height = height
    self.width = width
    labels = labelled ? [] : nil
  }

  /// Elements of one sample: channels x height x width.
  package var elementsPerSample: Int { channels * height * width }

  /// Adds a sample.
  ///
  /// - Parameter label: its class; needed in a labelled set, ignored in another.
  /// - Returns: false, and nothing is added, when the sample is of another kind or size than the set.
  package mutating func append(_ sample: Sample, label: Int?, name: String) -> Bool {
    if labels != nil, label == nil { return false }
    switch (kind, sample) {
    case (.pixels, .pixels(let new)) where new.count == elementsPerSample: pixels.append(contentsOf: new)
    case (.values, .values(let new)) where new.count == elementsPerSample: values.append(contentsOf: new)
    default: return false
    }
    if let label { labels?.append(label) }
    names.append(name)
    count += 1
    return true
  }

  /// One sample of the set.
  /// - Precondition: `0 <= index < count`.
  public subscript(index: Int) -> Sample {
    precondition(index >= 0 && index < count, "a sample of the set")
    let range = index * elementsPerSample..<(index + 1) * elementsPerSample
    return kind == .pixels ? .pixels(Array(pixels[range])) : .values(Array(values[range]))
  }

  /// A sample as a float model reads it: channels x height x width, normalised.
  package func values(of index: Int, preprocessing: Preprocessing?) -> [Float] {
    self[index].values(preprocessing: preprocessing, channels: channels)
  }
}

extension SampleSet {
  /// `count` of `total` indices without repetition, in ascending order; all of them when `count` is not less.
  ///
  /// The same seed gives the same choice on every machine.
  package static func choose(_ count: Int, of total: Int, seed: UInt64) -> [Int] {
    guard count < total else { return Array(0..<total) }
    var generator = SplitMix64(seed: seed)
    var indices = Array(0..<total)
    // The first `count` steps of a Fisher-Yates shuffle.
    for position in 0..<count {
      let remaining = UInt64(total - position)
      indices.swapAt(position, position + Int(generator.next() % remaining))
    }
    return indices[..<count].sorted()
  }
}
