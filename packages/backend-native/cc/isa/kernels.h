// Every kernel, compiled for the instruction set that SEW_SIMD names. The unnamed namespace keeps code that was compiled
// for one instruction set from being linked into another; for the same reason kernels use no library templates.
//
// Headers in kernels/ and lib/ are included inside that namespace, so they include no system headers: all are here.
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
#include "../trace.h"

namespace sew {
namespace {

#include SEW_SIMD
#include "kernelIncludes.h"

}  // namespace

#define K(name) name,
#define SEW_KERNEL_TABLE { SEW_KERNELS(K) }

}  // namespace sew
