import LibC
import Synchronization
import ViTLite

/// The temporary names that this process has given to files, for a program that ends itself on a signal.
///
/// A writer changes names within `change`. A signal's handler calls `endProcess`: it waits for no lock, and allocates
/// nothing. Either no writer is changing a name; then the handler takes all names away and ends the process. Or one is;
/// then it ends the process itself, when the change is done. So a signal never comes between giving a file a temporary
/// name and replacing the old file.
package enum UnfinishedFiles {
  /// Writers that are changing a name; `ending` when the process is about to end.
  private static let writers = Atomic<Int>(0)
  private static let ending = -1
  /// The signal that the process was asked to end by; 0 for none.
  private static let signal = Atomic<Int32>(0)

  /// Files beyond this many stay behind when a signal ends the process.
  private static let capacity = 16

  /// A name relative to a folder's descriptor; nil when the slot is free.
  @safe private struct Slot {
    var folder: Int32 = 0
    var name: UnsafeMutablePointer<CChar>?
  }

  /// Read and written within `change` with the lock held, and by the handler when no writer is within `change`.
  private nonisolated(unsafe) static let slots: UnsafeMutablePointer<Slot> = {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
    unsafe slots.initialize(repeating: Slot(), count: capacity)
    return unsafe slots
  }()
  private static let lock = Lock()

  /// A name that goes away if the process ends before it is removed.
  package struct Entry: Sendable {
    fileprivate let index: Int?
  }

  /// Makes what `endProcess` uses, which may not be made while a signal is handled.
  package static func prepare() {
    unsafe _ = slots
    _ = writers.load(ordering: .sequentiallyConsistent)
    _ = signal.load(ordering: .sequentiallyConsistent)
  }

  /// Changes names; a signal that comes meanwhile ends the process behind it.
  package static func change<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    enter()
    defer { leave() }
    return try body()
  }

  private static func enter() {
    while true {
      let count = writers.load(ordering: .sequentiallyConsistent)
      // The process ends in a moment, and nothing may change until then.
      if count == ending { while true { pause() } }
      if writers.compareExchange(expected: count, desired: count + 1, ordering: .sequentiallyConsistent).exchanged {
        return
      }
    }
  }

  private static func leave() {
    writers.subtract(1, ordering: .sequentiallyConsistent)
    let pending = signal.load(ordering: .sequentiallyConsistent)
    if pending != 0 { endProcess(onSignal: pending) }
  }

  /// Adds a name; to be called within `change`, after the file has it.
  /// - Parameter folder: a descriptor that stays open as long as the entry, or `AT_FDCWD`.
  package static func add(folder: Int32, name: String) -> Entry {
    lock.whenever({ true }) {
      guard let index = (0..<capacity).first(where: { unsafe slots[$0].name == nil }) else {
        return Entry(index: nil)
      }
      unsafe slots[index] = Slot(folder: folder, name: strdup(name))
      return Entry(index: index)
    }
  }

  /// Forgets a name; to be called within `change`.
  package static func remove(_ entry: Entry) {
    guard let index = entry.index else { return }
    lock.change {
      unsafe free(slots[index].name)
      unsafe slots[index] = Slot()
    }
  }

  /// Takes the temporary names away and ends the process with status 128 + `number`, as a shell reports a process that
  /// a signal ended; when a writer is changing a name, it does so behind the change. For a signal's handler: everything
  /// here may be called in one.
  package static func endProcess(onSignal number: Int32) {
    signal.store(number, ordering: .sequentiallyConsistent)
    guard writers.compareExchange(expected: 0, desired: ending, ordering: .sequentiallyConsistent).exchanged else {
      return
    }
    for index in 0..<capacity {
      if let name = unsafe slots[index].name { unsafe unlinkat(slots[index].folder, name, 0) }
    }
    _exit(128 + number)
  }
}
