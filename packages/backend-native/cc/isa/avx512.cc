// The kernels, compiled for avx512; build.mjs gives this file its compiler flags.
#define SEW_SIMD "../simd/avx512.h"
#include "kernels.h"

namespace sew {

static bool supported() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

extern const InstructionSet avx512_set;
const InstructionSet avx512_set = {"avx512", "AVX-512 (F, BW, DQ, VL), 16 floats at a time", supported,
                                   pairs_supported, false, SEW_KERNEL_TABLE};

}  // namespace sew
