#include "dispatch.h"

#include <string.h>

namespace sew {

#if defined(__x86_64__)
extern const InstructionSet avx512_set, avx2_set;
#endif
extern const InstructionSet baseline_set;

const InstructionSet* const* supported_sets() {
  static const InstructionSet* supported[4] = {};
  if (supported[0] == nullptr) {
    const InstructionSet* compiled[] = {
#if defined(__x86_64__)
        &avx512_set, &avx2_set,
#endif
        &baseline_set};
    int n = 0;
    for (const InstructionSet* set : compiled)
      if (set->supported()) supported[n++] = set;
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
