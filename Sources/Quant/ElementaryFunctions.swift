import Int8Kernels
import LibC
import ViTLite

extension Double {
  /// Natural logarithm.
  var logarithm: Double { log(self) }

  /// `e` to this power.
  var exponential: Double { exp(self) }
}
