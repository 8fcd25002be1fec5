// Which instruction sets this machine has, and which one runs.
#pragma once
#include "kernel.h"

namespace sew {

// The instruction sets compiled in that this machine supports, best first and the emulated one last, ended by a null.
const InstructionSet* const* supported_sets();
// The one in use: the best, unless select() chose another.
const InstructionSet* current_set();
// Chooses by name; false when this machine has no such set.
bool select(const char* name);

}  // namespace sew
