import Int8Kernels
import LibC

// libFuzzer's own entry point, for programs that bring `main`.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ capacity: Int) -> Int

/// `fuzz TARGET [LIBFUZZER'S ARGUMENTS]`, and `fuzz --seeds FOLDER`, which writes the seeds that are made, not kept.
@main
enum Fuzz {
  nonisolated(unsafe) static var target: FuzzTarget = .json

  static func main() {
    guard CommandLine.arguments.count > 1 else { fail("expected a target: \(FuzzTarget.names)") }
    if CommandLine.arguments[1] == "--list" {
      for target in FuzzTarget.allCases { print(target.rawValue) }
      return
    }
    if CommandLine.arguments[1] == "--seeds", CommandLine.arguments.count == 3 {
      do { try Seeds.write(to: CommandLine.arguments[2]) } catch { fail("\(error)") }
      return
    }
    guard let chosen = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
      fail("no target \"\(CommandLine.arguments[1])\", expected one of \(FuzzTarget.names)")
    }
    target = chosen
    // libFuzzer reads what follows the name of the target, which takes the place of the program's.
    var count = CommandLine.argc - 1
    var arguments = CommandLine.unsafeArgv + 1
    exit(
      runDriver(&count, &arguments) { bytes, count in
        Fuzz.target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
      })
  }

  private static func fail(_ message: String) -> Never {
    let text = Array("fuzz: \(message)\n".utf8)
    _ = write(STDERR_FILENO, text, text.count)
    exit(2)
  }
}

/// Called by libFuzzer for each new input: half of the time one lie in the target's own terms, else any bytes.
@_cdecl("LLVMFuzzerCustomMutator")
func customMutator(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ capacity: Int, _ seed: UInt32) -> Int {
  var generator = SplitMix64(seed: UInt64(seed))
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  if Bool.random(using: &generator), let lie = Fuzz.target.lie(about: input, using: &generator),
    lie.count <= capacity
  {
    for (index, byte) in lie.enumerated() { bytes[index] = byte }
    return lie.count
  }
  let changed = mutateBytes(bytes, count, capacity)
  // What a reader checks first must be right again for it to go on.
  let mended = Fuzz.target.mended(Array(UnsafeBufferPointer(start: bytes, count: changed)))
  guard mended.count <= capacity else { return changed }
  for (index, byte) in mended.enumerated() { bytes[index] = byte }
  return mended.count
}
