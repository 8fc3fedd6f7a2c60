/// The heap of a program without a C library: first fit, in one region that the program names before it allocates.
///
/// Blocks are made of whole units. The word before what the caller gets says where the block begins, the one before
/// that how long it is. Free blocks are a list in the order of their addresses, so that neighbors are joined.
struct Heap {
  /// Blocks begin and end at multiples of this; a free block's size and successor fit.
  private static let unit = 2 * MemoryLayout<Int>.size

  private var start = 0
  private var end = 0
  /// Where what was never allocated, or is free up to the end, begins.
  private var top = 0
  /// The farthest that the top ever was.
  private var highest = 0
  /// Address of the first free block; 0 where there is none.
  private var firstFree = 0

  /// The most bytes that were taken from the region at any time, gaps between blocks included.
  var peak: Int { highest - start }

  /// The region of all allocations to come.
  mutating func use(_ addresses: Range<Int>) {
    start = Self.up(addresses.lowerBound, to: Self.unit)
    end = addresses.upperBound
    top = start
    highest = start
  }

  /// Whether an address is in the region.
  func contains(_ address: UnsafeMutableRawPointer) -> Bool { (start..<end).contains(Int(bitPattern: address)) }

  /// Bytes at a multiple of `alignment`, a power of two; nil where the region is full.
  mutating func allocate(_ count: Int, alignment: Int) -> UnsafeMutableRawPointer? {
    let alignment = max(alignment, Self.unit)
    guard count >= 0, count <= end - start, alignment <= end - start else { return nil }
    var link = 0
    var block = firstFree
    while block != 0 {
      let blockEnd = block + Self.load(block)
      let next = Self.load(block + MemoryLayout<Int>.size)
      let (payload, taken) = Self.place(count, alignment, in: block)
      if taken <= blockEnd {
        let rest = taken == blockEnd ? next : taken
        if taken < blockEnd {
          Self.store(blockEnd - taken, at: taken)
          Self.store(next, at: taken + MemoryLayout<Int>.size)
        }
        setSuccessor(of: link, rest)
        return Self.claim(block, taken, payload)
      }
      link = block
      block = next
    }
    let (payload, taken) = Self.place(count, alignment, in: top)
    guard taken <= end else { return nil }
    defer {
      top = taken
      highest = max(highest, top)
    }
    return Self.claim(top, taken, payload)
  }

  mutating func free(_ payload: UnsafeMutableRawPointer) {
    let address = Int(bitPattern: payload)
    let block = Self.load(address - MemoryLayout<Int>.size)
    var size = Self.load(address - 2 * MemoryLayout<Int>.size)
    var link = 0
    var next = firstFree
    while next != 0, next < block {
      link = next
      next = Self.load(next + MemoryLayout<Int>.size)
    }
    if next == block + size {
      size += Self.load(next)
      next = Self.load(next + MemoryLayout<Int>.size)
    }
    var first = block
    if link != 0, link + Self.load(link) == block {
      first = link
      size += Self.load(link)
      link = predecessor(of: first)
    }
    if first + size == top {
      top = first
      setSuccessor(of: link, 0)
      return
    }
    Self.store(size, at: first)
    Self.store(next, at: first + MemoryLayout<Int>.size)
    setSuccessor(of: link, first)
  }

  // MARK: Blocks

  /// Where `count` bytes lie in a block, and where what they leave of it begins.
  private static func place(_ count: Int, _ alignment: Int, in block: Int) -> (payload: Int, end: Int) {
    let payload = up(block + unit, to: alignment)
    return (payload, up(payload + count, to: unit))
  }

  private static func claim(_ block: Int, _ end: Int, _ payload: Int) -> UnsafeMutableRawPointer? {
    store(end - block, at: payload - 2 * MemoryLayout<Int>.size)
    store(block, at: payload - MemoryLayout<Int>.size)
    return UnsafeMutableRawPointer(bitPattern: payload)
  }

  /// The free block before a free block; 0 where there is none.
  private func predecessor(of block: Int) -> Int {
    var link = 0
    var next = firstFree
    while next != block {
      link = next
      next = Self.load(next + MemoryLayout<Int>.size)
    }
    return link
  }

  /// What follows a free block, or, for 0, what is first.
  private mutating func setSuccessor(of block: Int, _ next: Int) {
    if block == 0 { firstFree = next } else { Self.store(next, at: block + MemoryLayout<Int>.size) }
  }

  private static func up(_ address: Int, to alignment: Int) -> Int { (address + alignment - 1) & -alignment }

  private static func load(_ address: Int) -> Int {
    UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped.load(as: Int.self)
  }

  private static func store(_ value: Int, at address: Int) {
    UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped.storeBytes(of: value, as: Int.self)
  }
}
