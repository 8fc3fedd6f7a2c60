import Testing

@testable import Quant

@Suite("Channel observer")
struct ChannelObserverTests {
  /// Eighths, whose sums are exact in every order.
  static func rows(_ count: Int, channels: Int, seed: UInt64) -> [Float] {
    var random = RandomValues(seed: seed)
    return (0..<count * channels).map { _ in Float(Int.random(in: -4000...4000, using: &random)) / 8 }
  }

  @Test("Extremes, sums, magnitudes, centers and means are those of each channel")
  func statistics() {
    var observer = ChannelObserver(channels: 3)
    observer.observe([1, -4, 2, 3, -2, -6].span)
    observer.observe([-1, -3, 1].span)
    #expect(observer.rows == 3)
    #expect(observer.minimum == [-1, -4, -6])
    #expect(observer.maximum == [3, -2, 2])
    #expect(observer.sum == [3, -9, -3])
    #expect(observer.magnitude == [3, 4, 6])
    #expect(observer.center == [1, -3, -2])
    #expect(observer.mean == [1, -3, -1])
  }

  @Test("Rows observed apart and merged give the whole, in any order", arguments: [1, 2, 7, 16])
  func merging(channels: Int) {
    var random = RandomValues(seed: UInt64(channels))
    let count = 40
    let values = Self.rows(count, channels: channels, seed: 5)
    var whole = ChannelObserver(channels: channels)
    whole.observe(values.span)
    let cuts = [0] + (0..<6).map { _ in Int.random(in: 0...count, using: &random) }.sorted() + [count]
    let parts = zip(cuts, cuts.dropFirst()).map { first, end in
      var part = ChannelObserver(channels: channels)
      part.observe(Array(values[first * channels..<end * channels]).span)
      return part
    }
    var merged = ChannelObserver(channels: channels)
    for part in parts.shuffled(using: &random) { merged.merge(part) }
    #expect(merged == whole)
  }

  @Test("Without rows everything is 0, and without channels nothing is there")
  func empty() {
    let unseen = ChannelObserver(channels: 2)
    #expect(unseen.magnitude == [0, 0])
    #expect(unseen.center == [0, 0])
    #expect(unseen.mean == [0, 0])
    var none = ChannelObserver(channels: 0)
    none.observe([1, 2].span)
    #expect(none.mean.isEmpty)
  }
}
