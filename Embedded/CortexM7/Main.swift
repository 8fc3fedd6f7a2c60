import CSystem
import Int8Kernels
import ViTLite

/// Runs the model in flash on the images in flash and prints one line of JSON.
@_cdecl("start")
func start(_ memory: UnsafePointer<vq_memory>) -> Never {
  let memory = memory.pointee
  heap.use(Int(memory.bss_end)..<memory.stackLimit)
  if memory.slow_start < memory.slow_end {
    var slow = Heap()
    slow.use(Int(memory.slow_start)..<Int(memory.slow_end))
    modelHeap = slow
  }
  do throws(RunnerError) {
    let runner = try Runner(model: bytes(memory.model_start, memory.model_end))
    let checksums = try runner.checksums(bytes(memory.pixels_start, memory.pixels_end))
    Debugger.print(
      runner.line(
        checksums,
        [
          ("program_bytes", Int(memory.program_size)), ("static_bytes", Int(memory.bss_end - memory.ram_start)),
          ("heap_bytes", heap.peak), ("stack_bytes", memory.touchedStack), ("slow_bytes", modelHeap?.peak ?? 0),
        ]))
    Debugger.exit(0)
  } catch {
    Debugger.print("runner: error: \(error.message)")
    Debugger.exit(3)
  }
}

private func bytes(_ start: UInt, _ end: UInt) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: start), count: Int(end - start))
}

extension vq_memory {
  /// What the stack may grow to, in bytes.
  private static let stackSize = 16 * 1024
  /// What Start.S has painted memory with.
  private static let paint: UInt8 = 0xA5

  var stackLimit: Int { Int(stack_top) - Self.stackSize }

  /// Bytes of the stack that were written at any time.
  var touchedStack: Int {
    let stack = bytes(UInt(stackLimit), stack_top)
    return stack.count - (stack.firstIndex { $0 != Self.paint } ?? stack.count)
  }
}

/// The debugger, or the emulator, that the board is connected to.
enum Debugger {
  /// Semihosting's operations.
  private static let write0 = 4
  private static let exitExtended = 0x20

  static func print(_ text: String) {
    var text = text + "\n\0"
    text.withUTF8 { bytes in bytes.baseAddress.map(write) }
  }

  /// - Parameter text: ends with a zero.
  static func write(_ text: UnsafePointer<UInt8>) { _ = semihosting(write0, text) }

  static func exit(_ status: Int) -> Never {
    // ADP_Stopped_ApplicationExit, and the status.
    withUnsafePointer(to: (0x20026, status)) { arguments in _ = semihosting(exitExtended, arguments) }
    fatalError("the debugger ended the program")
  }
}

/// Ends the program with a message, without allocating.
func stop(_ status: Int, _ message: StaticString) -> Never {
  Debugger.write(message.utf8Start)
  Debugger.exit(status)
}

/// Seeds the hashes of dictionaries. There is nothing random here, and the model comes with the program.
@_cdecl("arc4random_buf")
func fillWithRandomBytes(_ buffer: UnsafeMutableRawPointer, _ count: Int) {
  buffer.initializeMemory(as: UInt8.self, repeating: 0, count: count)
}
