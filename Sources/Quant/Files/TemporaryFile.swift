import Int8Kernels
import LibC
import ViTLite

/// A new file in the folder of an output that it will replace: without a name where the file system can, or with a
/// hidden one.
///
/// A temporary name depends on the output's alone, so that a process that is killed while its file has one leaves at
/// most one file for each output, and the next writer of that output takes it away. Writers hold a lock on their file
/// as long as they live, which tells such a file from one that is being written.
struct TemporaryFile {
  let folder: Int32
  let descriptor: Int32
  let name: String
  /// Nil for a file without a name.
  let entry: UnfinishedFiles.Entry?

  /// - Parameters:
  ///   - name: the output's, in the folder.
  ///   - path: what to call the output in errors.
  init(folder folderPath: String, name target: String, path: String, calls: FileCalls) throws(FileError) {
    let folder = Self.open(folder: folderPath, calls)
    guard folder >= 0 else { throw FileError(failedToWrite: "open the folder", path: path) }
    self.folder = folder
    do throws(FileError) {
      let existing = try Self.existing(target, in: folder, path: path)
      let mode = existing?.mode ?? 0o666
      if let unnamed = Self.createUnnamed(in: folder, mode: mode, calls) {
        (descriptor, name, entry) = (unnamed, "", nil)
      } else {
        (descriptor, name, entry) = try Self.createNamed(for: target, in: folder, mode: mode, path: path, calls)
      }
      guard let existing, !existing.isTakenOn(by: descriptor, calls) else { return }
      let code = errno
      discard(calls)
      throw FileError(failedToWrite: "set the permissions", code: code, path: path)
    } catch {
      _ = calls.perform(.close) { close(folder) }
      throw error
    }
  }

  /// Closes the file and takes its name away; the folder stays open.
  private func discard(_ calls: FileCalls) {
    UnfinishedFiles.change {
      if let entry {
        _ = calls.perform(.unlink) { unsafe unlinkat(folder, name, 0) }
        UnfinishedFiles.remove(entry)
      }
    }
    _ = calls.perform(.close) { close(descriptor) }
  }

  private static func open(folder path: String, _ calls: FileCalls) -> Int32 {
    let flags = O_DIRECTORY | O_CLOEXEC
    let descriptor = calls.perform(.openFolder) { unsafe LibC.open(path, O_RDONLY | flags) }
    #if os(Linux)
      // O_PATH, the same on all machines: for a folder that may be searched and written, but not listed.
      if descriptor < 0, errno == EACCES {
        return calls.perform(.openFolder) { unsafe LibC.open(path, 0o10000000 | flags) }
      }
    #endif
    return descriptor
  }

  /// Owner and permissions of the file that is to be replaced.
  private struct Existing {
    let mode: mode_t
    let owner: uid_t
    let group: gid_t

    /// Gives them to a new file as far as the system lets this process.
    ///
    /// - Returns: false, with `errno` set, when the new file would be open to more people.
    func isTakenOn(by descriptor: Int32, _ calls: FileCalls) -> Bool {
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0 else { return false }
      if status.st_uid != owner || status.st_gid != group {
        _ = calls.perform(.setOwner) { fchown(descriptor, owner, group) }
      }
      if calls.perform(.setMode, { fchmod(descriptor, mode) }) == 0 { return true }
      let code = errno
      let isNarrower = unsafe fstat(descriptor, &status) == 0 && status.st_mode & 0o777 & ~mode == 0
      errno = code
      return isNarrower
    }
  }

  /// - Throws: when there is a file that may not be written.
  private static func existing(_ name: String, in folder: Int32, path: String) throws(FileError) -> Existing? {
    var status = stat()
    guard unsafe fstatat(folder, name, &status, 0) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    // Replacing it would need no such permission; but who took it away wants the file as it is.
    guard unsafe faccessat(folder, name, W_OK, AT_EACCESS) == 0 else {
      throw FileError(failedToWrite: "open for writing", path: path)
    }
    return Existing(mode: status.st_mode & 0o777, owner: status.st_uid, group: status.st_gid)
  }

  private static func createUnnamed(in folder: Int32, mode: mode_t, _ calls: FileCalls) -> Int32? {
    #if os(Linux)
      // O_TMPFILE, a macro that Swift does not import: O_DIRECTORY and this bit, the same on x86-64 and arm64.
      let flags = O_RDWR | O_CLOEXEC | O_DIRECTORY | 0o20000000
      let descriptor = calls.perform(.createUnnamed) { unsafe openat(folder, ".", flags, mode & 0o666) }
      guard descriptor >= 0 else { return nil }
      // It gets its name through this path.
      if unsafe access("/proc/self/fd/\(descriptor)", F_OK) == 0 {
        _ = calls.perform(.lock) { flock(descriptor, LOCK_EX | LOCK_NB) }
        return descriptor
      }
      _ = calls.perform(.close) { close(descriptor) }
    #endif
    return nil
  }

  private static func createNamed(
    for target: String, in folder: Int32, mode: mode_t, path: String, _ calls: FileCalls
  ) throws(FileError) -> (descriptor: Int32, name: String, entry: UnfinishedFiles.Entry?) {
    var descriptor: Int32 = -1
    let flags = O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL
    // Within it no signal ends the process.
    let created = UnfinishedFiles.change { () -> (String, UnfinishedFiles.Entry)? in
      let name = claimName(for: target, in: folder, calls) { name in
        descriptor = calls.perform(.create) { unsafe openat(folder, name, flags, mode & 0o666) }
        return descriptor >= 0 && isOwn(descriptor, calls)
      }
      return name.map { ($0, UnfinishedFiles.add(folder: folder, name: $0)) }
    }
    guard let (name, entry) = created else { throw FileError(failedToWrite: "create", path: path) }
    return (descriptor, name, entry)
  }

  /// Locks a file that was just created; another writer that saw it before the lock may have taken its name away. Then
  /// it is closed, and `errno` says that the name was taken. Where there are no locks, nobody takes files for abandoned.
  private static func isOwn(_ descriptor: Int32, _ calls: FileCalls) -> Bool {
    let isLocked = calls.perform(.lock) { flock(descriptor, LOCK_EX | LOCK_NB) } == 0 || errno != EWOULDBLOCK
    var status = stat()
    if isLocked, unsafe fstat(descriptor, &status) == 0, status.st_nlink > 0 { return true }
    _ = calls.perform(.close) { close(descriptor) }
    errno = EEXIST
    return false
  }

  // MARK: Names

  /// Takes a temporary name for an output with `take`, which is false and sets `errno` when that cannot be.
  ///
  /// - Returns: the name; nil, with `errno` set, when there is none.
  static func claimName(
    for target: String, in folder: Int32, _ calls: FileCalls, take: (String) -> Bool
  ) -> String? {
    let name = ".vit-quant-\(hash(target)).tmp"
    if take(name) { return name }
    guard errno == EEXIST else { return nil }
    if removeAbandoned(name, in: folder, calls), take(name) { return name }
    // Another writer of the same output is at work.
    let own = ".vit-quant-\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).tmp"
    return take(own) ? own : nil
  }

  /// Removes a temporary file that no process has locked.
  private static func removeAbandoned(_ name: String, in folder: Int32, _ calls: FileCalls) -> Bool {
    let descriptor = unsafe openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return errno == ENOENT }
    defer { _ = close(descriptor) }
    guard calls.perform(.lock, { flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 else { return false }
    // While the lock is held no other writer removes this file; so it is this one's name, if it still has it.
    var (open, named) = (stat(), stat())
    guard unsafe fstat(descriptor, &open) == 0, unsafe fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0,
      open.st_dev == named.st_dev, open.st_ino == named.st_ino
    else { return false }
    return calls.perform(.unlink) { unsafe unlinkat(folder, name, 0) } == 0
  }

  /// FNV-1a, 64 bits.
  private static func hash(_ name: String) -> String {
    let value = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return String(value, radix: 36)
  }
}
