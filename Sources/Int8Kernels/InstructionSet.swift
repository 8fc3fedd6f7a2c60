import CKernels

/// The instruction sets that kernels exist for; the raw value is the name on the command line.
///
/// The cases of one architecture stand in the order of their speed.
public enum InstructionSet: String, Sendable, CaseIterable {
  case portable
  case avx2
  case avxvnni
  case avx512vnni
  case amx
  case neon
  case dotprod
  case i8mm

  /// Whether this build has the kernels, and the processor and operating system can run them.
  public var isAvailable: Bool { kernels != nil }

  /// Those that can be used here, the slowest first.
  public static var available: [InstructionSet] { allCases.filter { $0.isAvailable } }

  /// The fastest of those that can be used here.
  public static var fastest: InstructionSet { available.last ?? .portable }

  /// The kernels of this instruction set; nil where it can't be used.
  public var kernels: Kernels? {
    #if arch(x86_64)
      switch self {
      case .portable: .portable
      case .avx2: Kernels(vq_kernels_avx2, requires: vq_isa_avx2)
      case .avxvnni: Kernels(vq_kernels_avxvnni, requires: vq_isa_avxvnni)
      case .avx512vnni: Kernels(vq_kernels_avx512vnni, requires: vq_isa_avx512vnni)
      case .amx: Kernels(vq_kernels_amx, requires: vq_isa_amx)
      case .neon, .dotprod, .i8mm: nil
      }
    #elseif arch(arm64)
      switch self {
      case .portable: .portable
      case .neon: Kernels(vq_kernels_neon, requires: vq_isa_neon)
      case .dotprod: Kernels(vq_kernels_dotprod, requires: vq_isa_dotprod)
      case .i8mm: Kernels(vq_kernels_i8mm, requires: vq_isa_i8mm)
      case .avx2, .avxvnni, .avx512vnni, .amx: nil
      }
    #else
      self == .portable ? .portable : nil
    #endif
  }
}
