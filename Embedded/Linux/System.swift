import CSystem
import ViTLite

/// The system calls that the runner makes, by their numbers.
enum SystemCall: Int {
  #if arch(x86_64)
    case read = 0
    case write = 1
    case close = 3
    case lseek = 8
    case mmap = 9
    case pread = 17
    case madvise = 28
    case fadvise = 221
    case exitGroup = 231
    case openat = 257
    case getrandom = 318
  #else
    // arm64 and riscv64 share the generic numbers.
    case openat = 56
    case close = 57
    case lseek = 62
    case read = 63
    case write = 64
    case pread = 67
    case exitGroup = 94
    case mmap = 222
    case fadvise = 223
    case madvise = 233
    case getrandom = 278
  #endif

  /// What the kernel returns: the result, or minus an error number.
  @discardableResult
  func callAsFunction(_ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0) -> Int {
    syscall(rawValue, a, b, c, d, e, f)
  }
}

/// Files, memory and the end of the program.
enum System {
  /// An open file; nil where it cannot be read.
  static func open(_ path: UnsafePointer<CChar>) -> Int? {
    let currentFolder = -100
    let descriptor = SystemCall.openat(currentFolder, Int(bitPattern: path))
    return descriptor >= 0 ? descriptor : nil
  }

  /// A whole file, open and mapped for as long as the program runs.
  struct File {
    let bytes: UnsafeRawBufferPointer
    let descriptor: Int

    /// How the weights of a model in this file are read as they are used.
    var weightSource: WeightSource {
      let (willNeed, dontNeed) = (3, 4)
      let (start, size, descriptor) = (Int(bitPattern: bytes.baseAddress), bytes.count, descriptor)
      return WeightSource(
        copy: { part, target in
          let offset = Int(bitPattern: part.baseAddress) - start
          var done = 0
          while done < part.count {
            let count = SystemCall.pread(descriptor, Int(bitPattern: target) + done, part.count - done, offset + done)
            guard count > 0 else { return false }
            done += count
          }
          return true
        },
        expect: { part in
          SystemCall.fadvise(descriptor, Int(bitPattern: part.baseAddress) - start, part.count, willNeed)
        }, release: { SystemCall.madvise(start, size, dontNeed) })
    }
  }

  /// Maps a file; nil where that is refused or the file is empty.
  static func map(_ path: UnsafePointer<CChar>) -> File? {
    guard let descriptor = open(path) else { return nil }
    let (toTheEnd, readable, privately) = (2, 1, 2)
    let size = SystemCall.lseek(descriptor, 0, toTheEnd)
    guard size > 0, let address = mapped(SystemCall.mmap(0, size, readable, privately, descriptor)) else { return nil }
    return File(bytes: UnsafeRawBufferPointer(start: address, count: size), descriptor: descriptor)
  }

  /// Addresses that get memory where they are first touched; nil where that is refused.
  static func reserve(_ count: Int) -> Range<Int>? {
    let (readableAndWritable, privateAnonymousUnreserved) = (3, 0x4022)
    guard let memory = mapped(SystemCall.mmap(0, count, readableAndWritable, privateAnonymousUnreserved, -1)) else {
      return nil
    }
    return Int(bitPattern: memory)..<Int(bitPattern: memory) + count
  }

  /// An address, unless it is an error number.
  private static func mapped(_ result: Int) -> UnsafeRawPointer? {
    (-4095..<0).contains(result) ? nil : UnsafeRawPointer(bitPattern: result)
  }

  /// Writes text and ends the program.
  static func exit(_ status: Int, _ text: String, to descriptor: Int = 1) -> Never {
    let text = Array((text + "\n").utf8)
    text.withUnsafeBufferPointer { exit(status, $0, to: descriptor) }
  }

  static func exit(_ status: Int, _ text: UnsafeBufferPointer<UInt8>, to descriptor: Int) -> Never {
    var written = 0
    while written < text.count {
      let count = SystemCall.write(descriptor, Int(bitPattern: text.baseAddress) + written, text.count - written)
      guard count > 0 else { break }
      written += count
    }
    SystemCall.exitGroup(status)
    fatalError("the kernel ended the program")
  }

  /// Bytes below the program's arguments that were written at any time: pages that never were are zeros.
  static func touchedStack(below arguments: UnsafePointer<Int>) -> Int {
    let stack = UnsafeRawBufferPointer(start: UnsafeRawPointer(arguments) - 65536, count: 65536)
    return stack.count - (stack.firstIndex { $0 != 0 } ?? stack.count)
  }

  /// The most memory that this process has had at any time, as the kernel counts it, in bytes; 0 where it does not say.
  static var peakResidentBytes: Int {
    guard let descriptor = open("/proc/self/status") else { return 0 }
    defer { SystemCall.close(descriptor) }
    let status = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      count = max(0, SystemCall.read(descriptor, Int(bitPattern: buffer.baseAddress), buffer.count))
    }
    let key = Array("VmHWM:".utf8)
    guard let line = status.indices.first(where: { status[$0...].starts(with: key) }) else { return 0 }
    var kilobytes = 0
    for byte in status[(line + key.count)...] {
      if byte == UInt8(ascii: "k") { break }
      if (48...57).contains(byte) { kilobytes = kilobytes * 10 + Int(byte - 48) }
    }
    return kilobytes * 1024
  }
}

/// Ends the program with a message, without allocating.
func stop(_ status: Int, _ message: StaticString) -> Never {
  System.exit(status, UnsafeBufferPointer(start: message.utf8Start, count: message.utf8CodeUnitCount), to: 2)
}

/// Seeds the hashes of dictionaries.
@_cdecl("arc4random_buf")
func fillWithRandomBytes(_ buffer: UnsafeMutableRawPointer, _ count: Int) {
  SystemCall.getrandom(Int(bitPattern: buffer), count)
}
