// The kernels, compiled for avx512 with the matrix unit AMX; build.mjs gives this file its compiler flags.
#define SEW_SIMD "../simd/avx512.h"
#define SEW_MATRIX_UNIT "../simd/amx.h"
#include "kernels.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace sew {

// Linux gives a process the tiles on request, for all its threads. A model number says nothing: virtual machines hide
// features and rename processors.
static bool has_tiles() {
#if defined(__linux__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24, wanted = amx_bf16 | amx_tile;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & wanted) != wanted) return false;
  constexpr unsigned xsave_used = 1u << 27;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & xsave_used) == 0) return false;
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned tile_state = 3u << 17;
  if ((low & tile_state) != tile_state) return false;
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

static bool supported() {
  __builtin_cpu_init();
  static const bool there = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && has_tiles();
  return there;
}

static bool yes() { return true; }

extern const InstructionSet amx_set;
const InstructionSet amx_set = {"amx", "AVX-512 and AMX (tile, BF16), 32 x 32 sums at a time", supported, yes, true,
                                SEW_KERNEL_TABLE};

}  // namespace sew
