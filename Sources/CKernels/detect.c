#include "CKernels.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#if defined(__x86_64__)

static inline int has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

// The register states that the operating system saves: bits 1-2 for ymm, 5-7 for zmm and masks, 17-18 for tiles.
static uint64_t enabled_states(void) {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

// Linux hands out the 8 KB of tile state only to processes that ask (ARCH_REQ_XCOMP_PERM, state component 18). CPUID
// leaf 0x1D, which describes the tile palettes, is not read: some hypervisors hide it, and palette 1 is the same on
// every processor that has tiles.
static int may_use_tiles(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return 0;
#endif
}

static uint32_t detect(void) {
  uint32_t eax, ebx, ecx, edx;
  uint32_t found = 0;
  const uint32_t osxsave = 1u << 27, avx = 1u << 28, fma = 1u << 12, pclmulqdq = 1u << 1;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return 0;
  if (has(ecx, pclmulqdq)) found |= vq_isa_carryless;
  if (!has(ecx, osxsave | avx)) return found;
  const int has_fma = has(ecx, fma);
  const uint64_t states = enabled_states();
  if ((states & 0x6) != 0x6) return found;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return found;
  const uint32_t subleaves = eax;

  const uint32_t avx2 = 1u << 5;
  if (!has(ebx, avx2)) return found;
  found |= vq_isa_avx2;
  if (has_fma) found |= vq_isa_avx2_fma;

  const uint32_t avx512f = 1u << 16, avx512dq = 1u << 17, avx512bw = 1u << 30, avx512vl = 1u << 31;
  const uint32_t avx512vnni = 1u << 11;
  if ((states & 0xE6) == 0xE6 && has(ebx, avx512f)) {
    found |= vq_isa_avx512f;
    if (has(ebx, avx512dq | avx512bw | avx512vl) && has(ecx, avx512vnni)) found |= vq_isa_avx512vnni;
  }

  const uint32_t amx_tile = 1u << 24, amx_int8 = 1u << 25;
  const uint64_t tile_states = 3ull << 17;
  if (has(edx, amx_tile | amx_int8) && (states & tile_states) == tile_states && may_use_tiles()) found |= vq_isa_amx;

  const uint32_t avxvnni = 1u << 4;
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && has(eax, avxvnni)) {
    found |= vq_isa_avxvnni;
  }
  return found;
}

#elif defined(__aarch64__)

#if defined(__APPLE__)
static int feature(const char *name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}
#endif

static uint32_t detect(void) {
  uint32_t found = vq_isa_neon;
#if defined(__linux__)
  const unsigned long pmull = 1ul << 4, asimddp = 1ul << 20;  // in AT_HWCAP
  const unsigned long i8mm = 1ul << 13;     // in AT_HWCAP2
  if (getauxval(AT_HWCAP) & pmull) found |= vq_isa_carryless;
  if (getauxval(AT_HWCAP) & asimddp) found |= vq_isa_dotprod;
  if (getauxval(AT_HWCAP2) & i8mm) found |= vq_isa_i8mm;
#elif defined(__APPLE__)
  if (feature("hw.optional.arm.FEAT_PMULL")) found |= vq_isa_carryless;
  if (feature("hw.optional.arm.FEAT_DotProd")) found |= vq_isa_dotprod;
  if (feature("hw.optional.arm.FEAT_I8MM")) found |= vq_isa_i8mm;
#else
  // There is no operating system to ask: the features that the compiler was told to assume.
#if defined(__ARM_FEATURE_AES)
  found |= vq_isa_carryless;
#endif
#if defined(__ARM_FEATURE_DOTPROD)
  found |= vq_isa_dotprod;
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
  found |= vq_isa_i8mm;
#endif
#endif
  return found;
}

#else

static uint32_t detect(void) { return 0; }

#endif

uint32_t vq_detect_isas(void) {
  // In a virtual machine, CPUID is answered by the hypervisor, which takes microseconds, so the answer is kept. Bit 31
  // says that it is there. Two threads that come here at the same time both ask, and find the same.
  static _Atomic uint32_t known = 0;
  const uint32_t asked = 1u << 31;
  uint32_t isas = atomic_load_explicit(&known, memory_order_relaxed);
  if (isas == 0) {
    isas = detect() | asked;
    atomic_store_explicit(&known, isas, memory_order_relaxed);
  }
  return isas & ~asked;
}
