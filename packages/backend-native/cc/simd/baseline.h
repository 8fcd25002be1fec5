// What every machine of the architecture has: SSE2 on x86-64, NEON on Arm; 4 floats a vector. Elsewhere the compiler
// turns the vectors into scalars.
#pragma once

constexpr int width = 4;
#if defined(__ARM_NEON)
constexpr int tile_rows = 14;  // 32 registers
#else
constexpr int tile_rows = 6;  // 16 registers
#endif

typedef float Vector __attribute__((vector_size(16)));
typedef int32_t IntVector __attribute__((vector_size(16)));

static inline Vector load(const float* p) {
  Vector v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline void store(float* p, Vector v) { memcpy(p, &v, sizeof v); }
// Past the caches where the architecture can, to an aligned vector. Other threads see it after stream_fence().
#if defined(__SSE2__)
static inline void stream(float* p, Vector v) { _mm_stream_ps(p, (__m128)v); }
static inline void stream_fence() { _mm_sfence(); }
#else
static inline void stream(float* p, Vector v) { store(p, v); }
static inline void stream_fence() {}
#endif
static inline Vector splat(float x) { return Vector{x, x, x, x}; }
static inline Vector fma(Vector a, Vector b, Vector c) {
#if defined(__ARM_NEON)
  return (Vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
static inline float fma(float a, float b, float c) {
#if defined(__ARM_NEON)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
static inline Vector sqrt_of(Vector a) {
#if defined(__SSE2__)
  return (Vector)_mm_sqrt_ps((__m128)a);
#else
  for (int i = 0; i < width; i++) a[i] = sqrtf(a[i]);
  return a;
#endif
}
static inline Vector pick(Vector a, Vector b, IntVector from) {
  Vector v;
  for (int i = 0; i < width; i++) v[i] = from[i] < width ? a[from[i]] : b[from[i] - width];
  return v;
}
static inline uint32_t signs(IntVector v) {
#if defined(__SSE2__)
  return static_cast<uint32_t>(_mm_movemask_ps((__m128)v));
#else
  uint32_t bits = 0;
  for (int i = 0; i < width; i++) bits |= static_cast<uint32_t>(v[i] < 0) << i;
  return bits;
#endif
}

// Without instructions for bfloat16.
static inline bool pairs_supported() { return false; }
