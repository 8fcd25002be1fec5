// AVX-512: 16 floats a vector, 32 registers.
#pragma once

constexpr int width = 16;      // floats in a vector
constexpr int tile_rows = 14;  // rows of the register tile: 14 x 2 sums, 2 weights and 1 activation fill 31 registers

typedef float Vector __attribute__((vector_size(64)));
typedef int32_t IntVector __attribute__((vector_size(64)));

static inline Vector load(const float* p) { return (Vector)_mm512_loadu_ps(p); }
static inline void store(float* p, Vector v) { _mm512_storeu_ps(p, (__m512)v); }
// Past the caches, to an aligned vector. Other threads see it after stream_fence().
static inline void stream(float* p, Vector v) { _mm512_stream_ps(p, (__m512)v); }
static inline void stream_fence() { _mm_sfence(); }
static inline Vector splat(float x) { return (Vector)_mm512_set1_ps(x); }
static inline Vector fma(Vector a, Vector b, Vector c) {
  return (Vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
static inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline Vector sqrt_of(Vector a) { return (Vector)_mm512_maskz_sqrt_ps(0xffff, (__m512)a); }
// Lane i is that of a and b, one after the other, whose number is from[i].
static inline Vector pick(Vector a, Vector b, IntVector from) {
  return (Vector)_mm512_permutex2var_ps((__m512)a, (__m512i)from, (__m512)b);
}
// The lanes' signs as bits, the first lane's lowest: a comparison's result, packed.
static inline uint32_t signs(IntVector v) { return _mm512_movepi32_mask((__m512i)v); }

// bfloat16 (AVX512-BF16), two values to 32 bits, the first in the low half. The instructions are written out, since the
// rest of this instruction set must run on processors without them.
#define SEW_PAIRS
enum Pair : uint32_t {};

static inline bool pairs_supported() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 5)) != 0;
}
// sum + a.first * b.first + a.second * b.second
static inline Vector add_pairs(Vector sum, Vector a, Vector b) {
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
}
typedef uint16_t Halves __attribute__((vector_size(32)));
typedef uint32_t Words __attribute__((vector_size(64)));

// To the nearest bfloat16, ties to even.
static inline Halves halves(Vector v) {
  Halves h;
  __asm__("vcvtneps2bf16 %1, %0" : "=v"(h) : "v"(v));
  return h;
}
// Neighbouring values as pairs.
static inline void store_values(Pair* to, Vector v) {
  const Halves h = halves(v);
  memcpy(to, &h, sizeof h);
}
// Each value of one vector as a pair with that of the other.
static inline void store_pairs(Pair* to, Vector first, Vector second) {
  const Words pairs = __builtin_convertvector(halves(first), Words) | __builtin_convertvector(halves(second), Words) << 16;
  memcpy(to, &pairs, sizeof pairs);
}
