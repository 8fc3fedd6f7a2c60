import CKernels

/// The instruction sets that kernels exist for; the raw value is the name on the command line.
public enum InstructionSet: String, Sendable, CaseIterable {
  case portable
  case avx2
  case avx512vnni

  /// Whether this build has the kernels, and the processor and operating system can run them.
  public var isAvailable: Bool { kernels != nil }

  /// Those that can be used here, the slowest first.
  public static var available: [InstructionSet] { allCases.filter(\.isAvailable) }

  /// The fastest of those that can be used here.
  public static var fastest: InstructionSet { available.last ?? .portable }

  /// The kernels of this instruction set; nil where it can't be used.
  public var kernels: Kernels? {
    switch self {
    case .portable: return .portable
    #if arch(x86_64)
      case .avx2: return Kernels(vq_kernels_avx2, requires: vq_isa_avx2)
      case .avx512vnni: return Kernels(vq_kernels_avx512vnni, requires: vq_isa_avx512vnni)
    #else
      default: return nil
    #endif
    }
  }
}
