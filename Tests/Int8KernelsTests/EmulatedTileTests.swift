import CEmulation
import Testing

@testable import Int8Kernels

@Suite("Emulated tiles")
struct EmulatedTileTests {
  /// The operand of LDTILECFG for tiles 0, 1, ... of so many rows and bytes in a row.
  private static func configuration(_ tiles: [(rows: UInt8, bytes: UInt8)], palette: UInt8 = 1) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 64)
    bytes[0] = palette
    for (number, tile) in tiles.enumerated() {
      bytes[16 + 2 * number] = tile.bytes
      bytes[48 + number] = tile.rows
    }
    return bytes
  }

  /// Sums of 2 x 3, a of 2 x 8 bytes, b of 2 groups of 4 inputs x 3 columns.
  private static let smallProduct = configuration([(2, 12), (2, 8), (2, 12)])

  private func fault() -> String? { vq_emulation_take_fault().map { String(cString: $0) } }

  @Test("A product is sums + a b, with a unsigned, b signed and in groups of four inputs")
  func product() {
    vq_emulated_tile_loadconfig(Self.smallProduct)
    let a: [UInt8] = [
      1, 2, 3, 4, 5, 6, 7, 8, 0xEE,  // a stride of 9
      255, 0, 0, 0, 0, 0, 0, 200,
    ]
    let b: [Int8] = [
      1, 1, 1, 1, 2, 0, 0, 0, -128, 0, 0, 0,
      1, 1, 1, 1, 0, 2, 0, 0, 0, 0, 0, 127,
    ]
    var sums: [Int32] = [0, 10, 0, .max, 0, 0]
    vq_emulated_tile_loadd(0, sums, 12)
    vq_emulated_tile_loadd(1, a, 9)
    vq_emulated_tile_loadd(2, b, 12)
    vq_emulated_tile_dpbusd(0, 1, 2)
    vq_emulated_tile_stored(0, &sums, 12)
    vq_emulated_tile_release()
    // Row 0: 36; 10 + 2 + 12; -128 + 8 * 127. Row 1: 255 + 200, wrapped; 510; 255 * -128 + 200 * 127.
    #expect(sums == [36, 24, 888, .max &+ 455, 510, -7240])
    #expect(fault() == nil)
  }

  @Test("A load reads and a store writes the rows and bytes of the configuration, and no more")
  func extent() {
    vq_emulated_tile_loadconfig(Self.configuration([(3, 5)]))
    let from = Operand<UInt8, GuardedMemory>((0..<2 * 7 + 5).map { UInt8($0) })
    let to = Operand<UInt8, GuardedMemory>(repeating: 99, count: 2 * 6 + 5)
    vq_emulated_tile_loadd(0, from.base, 7)
    vq_emulated_tile_stored(0, to.base, 6)
    #expect(to.elements == [0, 1, 2, 3, 4, 99, 7, 8, 9, 10, 11, 99, 14, 15, 16, 17, 18])
    vq_emulated_tile_zero(0)
    vq_emulated_tile_stored(0, to.base, 6)
    #expect(to.elements == [0, 0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0, 0])
    vq_emulated_tile_release()
    #expect(fault() == nil)
  }

  @Test("A configuration beyond the palette is a fault, and configures nothing")
  func badConfigurations() {
    var bad: [[UInt8]] = [
      Self.configuration([(17, 64)]), Self.configuration([(16, 65)]), Self.configuration([(16, 0)]),
      Self.configuration([(0, 64)]), Self.configuration([(16, 64)], palette: 2),
    ]
    for reserved in [1, 2, 15, 17, 32, 47, 56, 63] {
      bad.append(Self.configuration([(16, 64)]))
      bad[bad.count - 1][reserved] = 1
    }
    for bytes in bad {
      vq_emulated_tile_loadconfig(bytes)
      #expect(fault()?.hasPrefix("a tile") == true, "\(bytes)")
      vq_emulated_tile_zero(0)
      #expect(fault() == "a tile is used, and tiles are not configured")
    }
    vq_emulated_tile_loadconfig(Self.configuration([(16, 64)]))
    #expect(fault() == "tiles were not released")
    vq_emulated_tile_loadconfig(Self.configuration([(16, 64)]))
    vq_emulated_tile_loadconfig(Self.configuration([], palette: 0))
    #expect(fault() == nil)
  }

  @Test("An instruction without its tile, or with shapes that do not fit, is a fault")
  func misuse() {
    var memory = [UInt8](repeating: 0, count: 1024)
    let uses: [(inout [UInt8], Int32) -> Void] = [
      { vq_emulated_tile_zero($1) }, { vq_emulated_tile_loadd($1, $0, 64) },
      { vq_emulated_tile_stored($1, &$0, 64) }, { vq_emulated_tile_dpbusd($1, 1, 2) },
      { vq_emulated_tile_dpbusd(0, $1, 2) }, { vq_emulated_tile_dpbusd(0, 1, $1) },
    ]
    for use in uses {
      use(&memory, 0)
      #expect(fault() == "a tile is used, and tiles are not configured")
      for tile in [Int32(3), 8, -1] {
        vq_emulated_tile_loadconfig(Self.smallProduct)
        use(&memory, tile)
        #expect(fault() == "a tile is used that the configuration does not have")
      }
    }
    let products: [(tiles: [(rows: UInt8, bytes: UInt8)], fault: String)] = [
      ([(1, 12), (2, 8), (2, 12)], "a tile product's shapes do not fit"),
      ([(2, 8), (2, 8), (2, 12)], "a tile product's shapes do not fit"),
      ([(2, 12), (2, 8), (3, 12)], "a tile product's shapes do not fit"),
      ([(2, 12), (2, 6), (2, 12)], "a tile product's rows are not whole groups of 4 bytes"),
    ]
    for product in products {
      vq_emulated_tile_loadconfig(Self.configuration(product.tiles))
      vq_emulated_tile_dpbusd(0, 1, 2)
      #expect(fault() == product.fault)
    }
    vq_emulated_tile_loadconfig(Self.configuration([(2, 8), (2, 8), (2, 8)]))
    vq_emulated_tile_dpbusd(0, 1, 1)
    #expect(fault() == "a tile product has a tile twice")
  }
}
