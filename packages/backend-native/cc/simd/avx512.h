// AVX-512: 16 floats a vector, 32 registers.
#pragma once

constexpr int width = 16;      // floats in a vector
constexpr int tile_rows = 14;  // rows of the register tile: 14 x 2 sums, 2 weights and 1 activation fill 31 registers

typedef float Vector __attribute__((vector_size(64)));
typedef int32_t IntVector __attribute__((vector_size(64)));

static inline Vector load(const float* p) { return (Vector)_mm512_loadu_ps(p); }
static inline void store(float* p, Vector v) { _mm512_storeu_ps(p, (__m512)v); }
static inline Vector splat(float x) { return (Vector)_mm512_set1_ps(x); }
static inline Vector fma(Vector a, Vector b, Vector c) {
  return (Vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
// Lane i is that of a and b, one after the other, whose number is from[i].
static inline Vector pick(Vector a, Vector b, IntVector from) {
  return (Vector)_mm512_permutex2var_ps((__m512)a, (__m512i)from, (__m512)b);
}
// The lanes' signs as bits, the first lane's lowest: a comparison's result, packed.
static inline uint32_t signs(IntVector v) { return _mm512_movepi32_mask((__m512i)v); }
