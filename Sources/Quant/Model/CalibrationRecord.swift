import Int8Kernels
import ViTLite

/// How an int8 model came about, as its file has it: settings, and what the calibration images were.
package struct CalibrationRecord: Sendable, Equatable {
  /// Nil where the ranges were searched for, or where there are none.
  package var observer: ObserverKind?
  package var smoothing: Bool
  package var rounding: WeightRoundingMode
  package var seed: UInt64
  package var images: Int
  /// Images that were made of these, as the images were few.
  package var variants: Int
  /// Of the images' normalised values.
  package var mean: Double
  package var deviation: Double
  /// Of neighbours in a row; nil for images of one value.
  package var correlation: Double?
  /// One for each image; see `SampleDigest`.
  package var digests: [UInt64]
  /// The SQNR in dB for which layers are at int16, because all at 8 bits were under it; nil otherwise.
  package var floor: Double?

  /// - Parameter seen: images that calibration saw, with variants.
  package init(_ samples: SampleSet, seen: Int, preprocessing: Preprocessing?, options: CalibrationOptions) {
    observer = options.observer
    smoothing = options.smoothing
    rounding = options.rounding
    seed = options.seed
    images = samples.count
    variants = seen - samples.count
    var statistics = ImageStatistics()
    digests = []
    for index in 0..<samples.count {
      digests.append(SampleDigest.of(samples[index]))
      statistics.add(samples.values(of: index, preprocessing: preprocessing), width: samples.width)
    }
    mean = statistics.mean ?? 0
    deviation = statistics.deviation ?? 0
    correlation = statistics.correlation
  }

  private enum Key {
    static let images = ModelKey.metadata("calibration.images")
    static let variants = ModelKey.metadata("calibration.variants")
    static let observer = ModelKey.metadata("calibration.observer")
    static let smoothing = ModelKey.metadata("calibration.smoothing")
    static let rounding = ModelKey.metadata("calibration.rounding")
    static let seed = ModelKey.metadata("calibration.seed")
    static let statistics = ModelKey.metadata("calibration.image_statistics")
    static let floor = ModelKey.metadata("calibration.floor_db")
    static let digests = ModelKey.metadata("calibration.image_digests")
  }

  /// The metadata of a model file, in order.
  var metadata: [(key: String, value: GGUFValue)] {
    var statistics = [mean, deviation]
    if let correlation { statistics.append(correlation) }
    let floors = floor.map { [(key: Key.floor, value: GGUFValue.float64($0))] } ?? []
    let added = variants > 0 ? [(key: Key.variants, value: GGUFValue.uint32(UInt32(truncatingIfNeeded: variants)))] : []
    return floors + added + [
      (Key.images, .uint32(UInt32(truncatingIfNeeded: images))),
      (Key.observer, .string(observer?.rawValue ?? "search")), (Key.smoothing, .bool(smoothing)),
      (Key.rounding, .string(rounding.rawValue)), (Key.seed, .string("\(seed)")),
      (Key.statistics, .float64s(statistics)),
      // Each digest as its low and its high half.
      (
        Key.digests,
        .uint32s(
          digests.flatMap { [UInt32(truncatingIfNeeded: $0), UInt32(truncatingIfNeeded: $0 >> 32)] })
      ),
    ]
  }

  /// Nil for a file that does not say, as older ones do not.
  package init?(_ model: IntegerModel) {
    let file = model.contents
    guard let images = try? file.int(Key.images), let rounding = try? file.string(Key.rounding),
      let smoothing = try? file.bool(Key.smoothing), let seed = try? file.string(Key.seed),
      let statistics = try? file.floats(Key.statistics), statistics.count >= 2,
      let halves = try? file.int64s(Key.digests), halves.count.isMultiple(of: 2)
    else { return nil }
    self.images = images
    variants = (try? file.int(Key.variants)) ?? 0
    observer = (try? file.string(Key.observer)).flatMap { ObserverKind(rawValue: $0) }
    self.smoothing = smoothing
    self.rounding = WeightRoundingMode(rawValue: rounding) ?? .calibrated
    self.seed = UInt64(seed) ?? 0
    mean = statistics[0]
    deviation = statistics[1]
    correlation = statistics.count > 2 ? statistics[2] : nil
    floor = try? file.float(Key.floor)
    digests = stride(from: 0, to: halves.count, by: 2).map {
      UInt64(UInt32(truncatingIfNeeded: halves[$0])) | UInt64(UInt32(truncatingIfNeeded: halves[$0 + 1])) << 32
    }
  }
}
