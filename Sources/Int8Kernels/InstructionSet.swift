import CKernels

/// An instruction set that kernels exist for: one row of the table in `instruction_sets.c`.
///
///     InstructionSet.fastest.name             // "avx512vnni", on a processor that has it
///     InstructionSet(name: "neon")?.kernels   // nil on x86-64
public struct InstructionSet: Sendable, Hashable {
  /// The row's place in the table.
  let index: Int32

  /// Plain Swift, for every processor: the specification of all others.
  public static let portable = InstructionSet(index: 0)

  /// Every row of the table, of every architecture; those of one architecture in the order of their speed.
  public static var all: [InstructionSet] {
    var sets: [InstructionSet] = []
    while unsafe vq_find_instruction_set(Int32(sets.count)) != nil {
      sets.append(InstructionSet(index: Int32(sets.count)))
    }
    return sets
  }

  private init(index: Int32) {
    self.index = index
  }

  /// The instruction set of that name; nil where the table has none.
  public init?(name: String) {
    guard let set = Self.all.first(where: { $0.name == name }) else { return nil }
    self = set
  }

  /// What the command line and reports call it.
  public var name: String {
    guard let row = unsafe vq_find_instruction_set(index) else { return "" }
    return unsafe String(cString: row.pointee.name)
  }

  /// The name as C text that stays for good; nil where there is no such row.
  @unsafe package var nameForC: UnsafePointer<CChar>? { unsafe vq_find_instruction_set(index)?.pointee.name }
}

extension InstructionSet: CustomStringConvertible {
  public var description: String { name }
}

extension InstructionSet {
  /// Whether this build has the kernels, and the processor and operating system can run them; not whether they are
  /// right.
  package var isPresent: Bool { table != nil }

  /// Whether it can be used: it is present, and its kernels gave what the portable ones give.
  public var isAvailable: Bool { verdict == .equal }

  /// Those that can be used, the slowest first; the portable one is always among them.
  public static var available: [InstructionSet] { all.filter { $0.isAvailable } }

  /// The fastest of those that can be used.
  public static var fastest: InstructionSet { all.last { $0.isAvailable } ?? .portable }

  /// The kernels of this instruction set; nil where it can't be used.
  ///
  /// They are compared with the portable ones when they are first asked for: see `verdict`.
  package var kernels: Kernels? {
    guard isAvailable, let table else { return nil }
    return Kernels(table)
  }

  /// The kernels, whether they were compared or not; nil where this machine cannot run them.
  var table: vq_kernels? {
    guard self != .portable else { return Kernels.portable.table }
    guard let row = unsafe vq_find_instruction_set(index), let kernels = unsafe row.pointee.kernels,
      unsafe vq_detect_isas() & row.pointee.needs == row.pointee.needs
    else { return nil }
    return unsafe kernels.pointee
  }
}
