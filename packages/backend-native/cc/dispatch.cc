#include "dispatch.h"

#include <string.h>

namespace sew {

#if defined(__x86_64__)
extern const InstructionSet avx512_set, avx2_set;
#if defined(SEW_AMX)
extern const InstructionSet amx_set;
#endif
#endif
extern const InstructionSet baseline_set;

const InstructionSet* const* supported_sets() {
  static const InstructionSet* supported[6] = {};
  if (supported[0] == nullptr) {
    const InstructionSet* compiled[] = {
#if defined(__x86_64__)
#if defined(SEW_AMX)
        &amx_set,
#endif
        &avx512_set, &avx2_set,
#endif
        &baseline_set};
    int n = 0;
    for (const InstructionSet* set : compiled)
      if (set->supported()) supported[n++] = set;
    // For tests: the best set without a matrix unit, whose kernels for one emulate it.
    static InstructionSet emulated = *supported[supported[0]->matrix_unit ? 1 : 0];
    emulated.name = "amx-emulated";
    emulated.description = "tiles of AMX in plain C++, to test the kernels for it on any machine";
    emulated.bfloat16 = [] { return true; };
    emulated.matrix_unit = true;
    supported[n++] = &emulated;
  }
  return supported;
}

static const InstructionSet* chosen = nullptr;

const InstructionSet* current_set() {
  if (chosen == nullptr) chosen = supported_sets()[0];
  return chosen;
}

bool select(const char* name) {
  for (auto set = supported_sets(); *set != nullptr; set++)
    if (strcmp((*set)->name, name) == 0) {
      chosen = *set;
      return true;
    }
  return false;
}

}  // namespace sew
