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
// rest of this instruction set must run on processors without them. Those with a matrix unit take two cycles for each, and
// multiply bfloat16 there.
#if !defined(SEW_MATRIX_UNIT)
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
// 32 bfloat16, or integers of 16 bits.
typedef int16_t Shorts __attribute__((vector_size(64)));
constexpr long shorts = 32;

// Neighbouring values as pairs, to the nearest bfloat16, ties to even.
static inline void store_values(Pair* to, Vector v) {
  Halves h;
  __asm__("vcvtneps2bf16 %1, %0" : "=v"(h) : "v"(v));
  memcpy(to, &h, sizeof h);
}
static inline void store_values(Pair* to, Shorts v) { memcpy(to, &v, sizeof v); }

// The values of one vector, then those of the other.
static inline Shorts bfloat16(Vector first, Vector second) {
  Shorts values;
  __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(values) : "v"(second), "v"(first));
  return values;
}
// Numbers i, i + apart, i + 1, i + 1 + apart, ...
static inline __m512i alternating(int i, int apart) {
  Shorts numbers;
  for (int j = 0; j < shorts; j++) numbers[j] = static_cast<int16_t>(i + j / 2 + j % 2 * apart);
  return (__m512i)numbers;
}
// Each value of one vector as a pair with that of the other.
static inline void store_pairs(Pair* to, Vector first, Vector second) {
  _mm512_storeu_si512(to, _mm512_permutexvar_epi16(alternating(0, 16), (__m512i)bfloat16(first, second)));
}
static inline void store_pairs(Pair* to, Shorts first, Shorts second) {
  for (int half = 0; half < 2; half++)
    _mm512_storeu_si512(to + 16 * half, _mm512_permutex2var_epi16((__m512i)first, alternating(16 * half, 32), (__m512i)second));
}

// Spikes as integers of 16 bits.
static inline Shorts shorts_at(const uint32_t* pixel, long c) {
  return (Shorts)_mm512_maskz_set1_epi16(pixel[c / 32], 1);
}
static inline Shorts shorts_at(const uint8_t* pixel, long c) {
  return (Shorts)_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(pixel + c)));
}
// Sums of few spikes, -16 ... 15, as bfloat16, from a table; and sums of counts.
static inline Shorts bfloat16_of(Shorts v, const uint32_t*) {
  alignas(64) static constexpr uint16_t table[] = {
      0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0, 0x4100, 0x4110, 0x4120, 0x4130, 0x4140, 0x4150, 0x4160, 0x4170,
      0xc180, 0xc170, 0xc160, 0xc150, 0xc140, 0xc130, 0xc120, 0xc110, 0xc100, 0xc0e0, 0xc0c0, 0xc0a0, 0xc080, 0xc040, 0xc000, 0xbf80};
  return (Shorts)_mm512_permutexvar_epi16((__m512i)v, _mm512_load_si512(table));
}
static inline Shorts bfloat16_of(Shorts v, const uint8_t*) {
  typedef int16_t Half __attribute__((vector_size(32)));
  // g++ 12 takes the intrinsics of these conversions for reads of what is not initialised.
  const auto floats = [](Half half) { return __builtin_convertvector(__builtin_convertvector(half, IntVector), Vector); };
  Half halves[2];
  memcpy(halves, &v, sizeof v);
  return bfloat16(floats(halves[0]), floats(halves[1]));
}
#else
static inline bool pairs_supported() { return false; }
#endif
