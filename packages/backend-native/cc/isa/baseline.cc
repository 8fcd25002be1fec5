// The kernels, compiled for baseline; build.mjs gives this file its compiler flags.
#define SEW_SIMD "../simd/baseline.h"
#include "kernels.h"

namespace sew {

static bool supported() {
  return true;
}

extern const InstructionSet baseline_set;
const InstructionSet baseline_set = {"baseline", "the architecture's baseline, 4 floats at a time", supported,
                                   pairs_supported, false, SEW_KERNEL_TABLE};

}  // namespace sew
