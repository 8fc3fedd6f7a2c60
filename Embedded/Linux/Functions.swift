// What compiled Swift calls by the C library's names. Compiled with loop idioms off: the optimizer would otherwise turn
// these loops into calls of themselves.

@_cdecl("memcpy")
func copy(
  _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
) -> UnsafeMutableRawPointer {
  var offset = 0
  while offset &+ 16 <= count {
    target.storeBytes(
      of: source.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self), toByteOffset: offset,
      as: SIMD16<UInt8>.self)
    offset &+= 16
  }
  while offset < count {
    target.storeBytes(of: source.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
    offset &+= 1
  }
  return target
}

@_cdecl("memmove")
func move(
  _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
) -> UnsafeMutableRawPointer {
  // Upwards unless the target begins inside the source.
  guard UInt(bitPattern: target) &- UInt(bitPattern: source) < UInt(bitPattern: count) else {
    return copy(target, source, count)
  }
  var offset = count
  while offset > 0 {
    offset &-= 1
    target.storeBytes(of: source.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
  }
  return target
}

@_cdecl("memset")
func fill(_ target: UnsafeMutableRawPointer, _ byte: Int32, _ count: Int) -> UnsafeMutableRawPointer {
  let byte = UInt8(truncatingIfNeeded: byte)
  var offset = 0
  while offset &+ 16 <= count {
    target.storeBytes(of: SIMD16(repeating: byte), toByteOffset: offset, as: SIMD16<UInt8>.self)
    offset &+= 16
  }
  while offset < count {
    target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    offset &+= 1
  }
  return target
}

@_cdecl("memcmp")
func compare(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer, _ count: Int) -> Int32 {
  for offset in 0..<max(count, 0) {
    let (a, b) = (
      first.load(fromByteOffset: offset, as: UInt8.self), second.load(fromByteOffset: offset, as: UInt8.self)
    )
    if a != b { return a < b ? -1 : 1 }
  }
  return 0
}

@_cdecl("strlen")
func length(_ string: UnsafeRawPointer) -> Int {
  var count = 0
  while string.load(fromByteOffset: count, as: UInt8.self) != 0 { count &+= 1 }
  return count
}

@_cdecl("ceil")
func ceiling(_ x: Double) -> Double {
  // Larger numbers are whole; NaN is not smaller than any.
  guard x.magnitude < 0x1p52 else { return x }
  let whole = Double(Int64(x))
  return whole < x ? whole + 1 : whole
}

@_cdecl("roundf")
func round(_ x: Float) -> Float {
  guard x.magnitude < 0x1p23 else { return x }
  let magnitude = x.magnitude
  let whole = Float(Int32(magnitude))
  let rounded = magnitude - whole >= 0.5 ? whole + 1 : whole
  return x < 0 ? -rounded : rounded
}
