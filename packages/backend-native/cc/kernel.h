// A kernel: a function of buffers and numbers. It has no state and does not depend on JavaScript.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernelList.h"
#include "status.h"

namespace sew {

enum class Type : int { float32, uint8, uint16, int32 };

inline size_t bytes_of(Type type) { return type == Type::uint8 ? 1 : type == Type::uint16 ? 2 : 4; }

struct Buffer {
  void* data;
  size_t length;  // elements
  Type type;
};

struct Call {
  static constexpr int max_buffers = 64;
  static constexpr int max_numbers = 48;
  Buffer buffers[max_buffers];
  int buffer_count;
  double numbers[max_numbers];
  int number_count;
};

typedef Status (*Kernel)(const Call&);

// Defines a kernel: SEW_KERNEL(name) { Arguments args(call); ... return Status::ok; }
//
// Every header in kernels/ defines at least one. build.mjs finds them by this macro and writes kernelList.h, which has
// their names as SEW_KERNELS(K), and kernelIncludes.h, which includes the headers.
#define SEW_KERNEL(name) Status name(const Call& call)

enum class KernelId : int {
#define K(name) name,
  SEW_KERNELS(K)
#undef K
      count
};

// One table per instruction set, filled in isa/.
struct InstructionSet {
  const char* name;
  const char* description;
  bool (*supported)();
  bool (*bfloat16)();  // whether products of bfloat16 are faster than float32's here
  bool matrix_unit;    // whether convolutions are faster on its matrix unit, the kernels named matrix...
  Kernel kernels[static_cast<int>(KernelId::count)];
};

}  // namespace sew
