// AVX2 with FMA: 8 floats a vector, 16 registers.
#pragma once

constexpr int width = 8;
constexpr int tile_rows = 6;  // 6 x 2 sums, 2 weights and 1 activation fill 15 registers

typedef float Vector __attribute__((vector_size(32)));
typedef int32_t IntVector __attribute__((vector_size(32)));

static inline Vector load(const float* p) { return (Vector)_mm256_loadu_ps(p); }
static inline void store(float* p, Vector v) { _mm256_storeu_ps(p, (__m256)v); }
// Past the caches, to an aligned vector. Other threads see it after stream_fence().
static inline void stream(float* p, Vector v) { _mm256_stream_ps(p, (__m256)v); }
static inline void stream_fence() { _mm_sfence(); }
static inline Vector splat(float x) { return (Vector)_mm256_set1_ps(x); }
static inline Vector fma(Vector a, Vector b, Vector c) {
  return (Vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
static inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline Vector sqrt_of(Vector a) { return (Vector)_mm256_sqrt_ps((__m256)a); }
static inline Vector pick(Vector a, Vector b, IntVector from) {
  Vector v;
  for (int i = 0; i < width; i++) v[i] = from[i] < width ? a[from[i]] : b[from[i] - width];
  return v;
}
static inline uint32_t signs(IntVector v) { return static_cast<uint32_t>(_mm256_movemask_ps((__m256)v)); }

// Without instructions for bfloat16.
static inline bool pairs_supported() { return false; }
