// The kernels, compiled for avx2; build.mjs gives this file its compiler flags.
#define SEW_SIMD "../simd/avx2.h"
#include "kernels.h"

namespace sew {

static bool supported() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

extern const InstructionSet avx2_set;
const InstructionSet avx2_set = {"avx2", "AVX2 and FMA, 8 floats at a time", supported,
                                   pairs_supported, false, SEW_KERNEL_TABLE};

}  // namespace sew
