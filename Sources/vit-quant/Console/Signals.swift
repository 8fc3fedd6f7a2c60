import LibC
import Quant
import ViTLite

/// What signals do to this program.
enum Signals {
  /// - SIGINT, SIGTERM and SIGHUP end it with status 130, 143 and 129 and leave neither a
  ///   temporary file nor a progress bar behind.
  /// - A closed pipe and a file larger than the limit for files are errors of the calls that find them.
  /// - A mapped file that another process shortens is an error too.
  static func install() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    MappedFileGuard.install()
    UnfinishedFiles.prepare()
    Progress.prepare()
    for number in [SIGINT, SIGTERM, SIGHUP] { handle(number) }
  }

  /// A signal that is ignored stays so, as `nohup` wants it.
  private static func handle(_ number: Int32) {
    var previous = sigaction()
    guard sigaction(number, nil, &previous) == 0 else { return }
    #if canImport(Glibc)
      let isIgnored = unsafeBitCast(previous.__sigaction_handler.sa_handler, to: Int.self) == 1
    #elseif canImport(Musl)
      let isIgnored = unsafeBitCast(previous.__sa_handler.sa_handler, to: Int.self) == 1
    #else
      let isIgnored = unsafeBitCast(previous.__sigaction_u.__sa_handler, to: Int.self) == 1
    #endif
    if isIgnored { return }
    signal(number) {
      Progress.takeAway()
      UnfinishedFiles.endProcess(onSignal: $0)
    }
    // Threads of some parents block signals, and their children inherit that.
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, number)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }
}
