import Foundation
import LibC
import Testing

@testable import vit_quant

@Suite("Progress")
struct ProgressTests {
  private let line = ProgressLine(
    title: "measuring layers", fraction: 0.5, count: "12/24", left: "1:05 left", detail: "3.2 images/s")

  @Test("A line has all that there is room for, and is never longer than that")
  func widths() {
    #expect(
      line.text(columns: 79)
        == "measuring layers [############............] 12/24, 1:05 left, 3.2 images/s")
    for columns in 0...100 { #expect(line.text(columns: columns).count <= max(columns, 0)) }
    #expect(line.text(columns: 50) == "measuring layers [#######.......] 12/24, 1:05 left")
    #expect(line.text(columns: 34) == "measuring layers 12/24, 1:05 left")
    #expect(line.text(columns: 20) == "12/24, 1:05 left")
    #expect(line.text(columns: 6) == "12/24" && line.text(columns: 4).isEmpty)
  }

  #if os(Linux)
    /// The two ends of a terminal.
    private struct Terminal {
      let control: Int32
      let end: FileHandle

      init(columns: UInt16) throws {
        control = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (number, locked): (Int32, Int32) = (0, 0)
        // TIOCSPTLCK and TIOCGPTN, macros that Swift does not import.
        try #require(
          control >= 0 && ioctl(control, 0x4004_5431, &locked) == 0 && ioctl(control, 0x8004_5430, &number) == 0)
        let descriptor = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(descriptor >= 0)
        end = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try resize(columns: columns)
      }

      func resize(columns: UInt16) throws {
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(control, UInt(TIOCSWINSZ), &size) == 0)
      }

      /// What is there to be read; nil when the other end was closed.
      func read() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = LibC.read(control, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
      }

      /// What was written until the other end was closed.
      func contents() -> String {
        var text = ""
        while let more = read() { text += more }
        close(control)
        return text
      }
    }

    /// A report that takes long enough for many drawings, with its progress on a terminal.
    private func startReport(_ samples: Int, on terminal: Terminal) throws -> Process {
      let process = Process()
      process.executableURL = Program.url
      process.arguments = [
        "report", TestModels.fashion, TestModels.fashionInt8, "--data", TestModels.fashionTest, "--samples",
        "\(samples)", "--threads", "1",
      ]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = terminal.end
      try process.run()
      try terminal.end.close()
      return process
    }

    @Test("On a terminal a line is drawn over itself and never wraps", arguments: [20, 40, 80, 200] as [UInt16])
    func terminal(_ columns: UInt16) throws {
      let terminal = try Terminal(columns: columns)
      let process = try startReport(200, on: terminal)
      let text = terminal.contents()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let lines = text.components(separatedBy: "\r\u{1B}[J")
      #expect(lines.count > 3 && lines.contains { $0.contains("left") }, "\(text.debugDescription)")
      for line in lines {
        // Without the commands around it that keep it from wrapping.
        let shown = line.replacing("\u{1B}[?7l", with: "").replacing("\u{1B}[?7h\r", with: "")
        #expect(shown.count < Int(columns) && !shown.contains { $0.isNewline }, "\(line.debugDescription)")
      }
      // The last one is taken away.
      #expect(lines.last?.isEmpty == true)
    }

    @Test("A terminal that becomes narrower keeps nothing of the progress", arguments: [23, 40] as [UInt16])
    func narrowing(_ columns: UInt16) throws {
      let terminal = try Terminal(columns: 120)
      let process = try startReport(600, on: terminal)
      var screen = ReflowingScreen(columns: 120)
      var isNarrow = false
      var mostRows = 0
      while let text = terminal.read() {
        screen.write(text)
        mostRows = max(mostRows, screen.rows.count)
        if !isNarrow, screen.rows.contains(where: { $0.contains("left") }) {
          #expect(mostRows == 1)
          try terminal.resize(columns: columns)
          screen.columns = Int(columns)
          isNarrow = true
        } else if isNarrow {
          #expect(screen.rows.count <= 1, "\(screen.rows)")
        }
      }
      close(terminal.control)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(isNarrow && screen.rows.isEmpty, "\(screen.rows)")
    }

    @Test("A signal leaves no progress behind")
    func interrupted() throws {
      let terminal = try Terminal(columns: 80)
      let process = try startReport(5000, on: terminal)
      var screen = ReflowingScreen(columns: 80)
      while let text = terminal.read() {
        screen.write(text)
        if screen.rows.contains(where: { $0.contains("left") }) { process.interrupt() }
      }
      close(terminal.control)
      process.waitUntilExit()
      #expect(process.terminationStatus == 130)
      #expect(screen.rows.isEmpty, "\(screen.rows)")
    }

    @Test("The width is that of the terminal now")
    func resizing() throws {
      let terminal = try Terminal(columns: 100)
      #expect(TerminalSize.columns(of: terminal.end.fileDescriptor) == 100)
      try terminal.resize(columns: 31)
      #expect(TerminalSize.columns(of: terminal.end.fileDescriptor) == 31)
      close(terminal.control)
    }

  #endif

  @Test("Where standard error is no terminal there is no progress and no control character")
  func noTerminal() throws {
    let report = [
      "report", TestModels.fashion, TestModels.fashionInt8, "--data", TestModels.fashionTest, "--samples", "200",
    ]
    #expect(try Program.run(report).errors.isEmpty)
    let scratch = try Scratch()
    let calibrate = try Program.run(
      "calibrate", TestModels.fashion, "--data", TestModels.fashionCalibration, "--samples", "8", "--output",
      scratch.path("o.gguf"))
    #expect(calibrate.status == 0)
    #expect(calibrate.errors.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
  }
}
