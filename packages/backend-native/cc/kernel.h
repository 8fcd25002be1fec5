// What a kernel is: a function of buffers and numbers. It knows no JavaScript and keeps nothing between calls.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "status.h"

namespace sew {

enum class Type : int { float32, uint8, int32 };

struct Buffer {
  void* data;
  size_t length;  // elements
  Type type;
};

struct Call {
  static constexpr int max_buffers = 12;
  static constexpr int max_numbers = 48;
  Buffer buffers[max_buffers];
  int buffer_count;
  double numbers[max_numbers];
  int number_count;
};

typedef Status (*Kernel)(const Call&);

// Every kernel's name, in the order of the tables. Adding one: a line here, a function of that name in kernels/.
#define SEW_KERNELS(K)                                                                                       \
  K(conv2d) K(conv2dInputGrad) K(conv2dFilterGrad) K(spikeConv2d) K(spikeConv2dFilterGrad) K(matMul)         \
  K(batchNorm) K(batchNormTraining) K(batchNormTrainingGrad) K(moveStatistics) K(maxPool) K(maxPoolGrad)     \
  K(avgPool) K(avgPoolGrad) K(unary) K(binary) K(compare) K(cast) K(fill) K(reduce) K(softmax) K(multiStepNeuron)       \
  K(multiStepNeuronGrad) K(batchStatistics) K(normNeuron) K(normNeuronGrad) K(unpackBits) K(countSpikes)     \
  K(addSpikes) K(andBits) K(notBits) K(maskFloats) K(reduceSpikes) K(applyMomentum) K(applyAdam) K(fmaPeak)

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
  Kernel kernels[static_cast<int>(KernelId::count)];
};

}  // namespace sew
