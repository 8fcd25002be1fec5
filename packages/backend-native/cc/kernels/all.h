// Every kernel, for the instruction set that SEW_SIMD names. The unnamed namespace keeps code that was compiled for one
// instruction set from being linked into another; for the same reason kernels use no library templates.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "../kernel.h"
#include "../threads.h"

namespace sew {
namespace {

#include SEW_SIMD
#include "arguments.h"
#include "vectors.h"
#include "transpose.h"
#include "tile.h"
#include "convShape.h"
#include "winograd.h"
#include "conv2d.h"
#include "conv2dFilterGrad.h"
#include "spikeGrid.h"
#include "spikeConv2d.h"
#include "spikeConv2dFilterGrad.h"
#include "matMul.h"
#include "batchNorm.h"
#include "elementwise.h"
#include "reduce.h"
#include "spikes.h"
#include "pool.h"
#include "multiStepNeuron.h"
#include "normNeuron.h"
#include "optimizer.h"
#include "fmaPeak.h"

}  // namespace

#define K(name) name,
#define SEW_KERNEL_TABLE { SEW_KERNELS(K) }

}  // namespace sew
