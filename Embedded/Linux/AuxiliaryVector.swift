/// What the kernel tells a program about the processor, as pairs of a key and a value above the environment.
enum AuxiliaryVector {
  nonisolated(unsafe) private static var pairs: UnsafePointer<UInt>?

  /// - Parameter stack: the count of the arguments, the arguments, 0, the environment, 0, then the pairs.
  static func find(above stack: UnsafePointer<Int>) {
    var next = stack + 1 + stack[0] + 1
    while next.pointee != 0 { next += 1 }
    pairs = UnsafeRawPointer(next + 1).assumingMemoryBound(to: UInt.self)
  }

  static func value(_ key: UInt) -> UInt {
    guard var pair = pairs else { return 0 }
    while pair[0] != 0 {
      if pair[0] == key { return pair[1] }
      pair += 2
    }
    return 0
  }
}

/// The kernels' detection asks for the capabilities of an arm64 processor by this name.
@_cdecl("getauxval")
func auxiliaryValue(_ key: UInt) -> UInt { AuxiliaryVector.value(key) }
