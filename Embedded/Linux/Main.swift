import Int8Kernels
import ViTLite

/// usage: runner MODEL.gguf PIXELS [INSTRUCTION-SET]
///
/// Maps both files and prints one line of JSON. PIXELS holds images one after another, as `Runner` reads them.
@_cdecl("start")
func start(_ stack: UnsafePointer<Int>) -> Never {
  AuxiliaryVector.find(above: stack)
  // Far more than any model needs; what is never touched costs nothing.
  if let addresses = System.reserve(1 << 30) { heap.use(addresses) }
  // The number of arguments, then the address of each.
  let arguments = (0..<stack[0]).map { UnsafePointer<CChar>(bitPattern: stack[1 + $0]) }
  guard (3...4).contains(arguments.count), let model = arguments[1], let pixels = arguments[2] else {
    System.exit(2, "usage: runner MODEL.gguf PIXELS [INSTRUCTION-SET]", to: 2)
  }
  let instructionSet = arguments.count == 4 ? arguments[3].map { String(cString: $0) } : nil
  do throws(RunnerError) {
    let runner = try Runner(model: map(model), instructionSet: instructionSet)
    let checksums = try runner.checksums(map(pixels))
    System.exit(
      0,
      runner.line(
        checksums,
        [
          ("heap_bytes", heap.peak), ("stack_bytes", System.touchedStack(below: stack)),
          ("resident_bytes", System.peakResidentBytes),
        ]))
  } catch { System.exit(3, "runner: error: \(error.message)", to: 2) }
}

private func map(_ path: UnsafePointer<CChar>) throws(RunnerError) -> UnsafeRawBufferPointer {
  guard let bytes = System.map(path) else { throw RunnerError("cannot read \(String(cString: path))") }
  return bytes
}
