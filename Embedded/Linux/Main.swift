import Int8Kernels
import ViTLite

private let usage = "usage: runner MODEL.gguf PIXELS [INSTRUCTION-SET [lean|fast]]"

/// Maps both files and prints one line of JSON. PIXELS holds images one after another, as `Runner` reads them. The lean
/// plan, which is the default, reads weights as it uses them and lets them go; the fast one keeps them in memory.
@_cdecl("start")
func start(_ stack: UnsafePointer<Int>) -> Never {
  AuxiliaryVector.find(above: stack)
  // Far more than any model needs; what is never touched costs nothing.
  if let addresses = System.reserve(1 << 30) { heap.use(addresses) }
  // The number of arguments, then the address of each.
  let arguments = (0..<stack[0]).map { UnsafePointer<CChar>(bitPattern: stack[1 + $0]) }
  guard (3...5).contains(arguments.count), let model = arguments[1], let pixels = arguments[2],
    let plan = PlanKind(rawValue: text(arguments, 4) ?? "lean")
  else { System.exit(2, usage, to: 2) }
  do throws(RunnerError) {
    let model = try map(model)
    let runner = try Runner(
      model: model.bytes, model.weightSource, instructionSet: text(arguments, 3) ?? "auto", plan: plan)
    let checksums = try runner.checksums(map(pixels).bytes)
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

private func text(_ arguments: [UnsafePointer<CChar>?], _ index: Int) -> String? {
  index < arguments.count ? arguments[index].map { String(cString: $0) } : nil
}

private func map(_ path: UnsafePointer<CChar>) throws(RunnerError) -> System.File {
  guard let file = System.map(path) else { throw RunnerError("cannot read \(String(cString: path))") }
  return file
}
