// bfloat16, the upper half of a float32, as storage: values are rounded to the nearest, ties to even, when they are written,
// alike on every instruction set.
#pragma once
#include "vectors.h"

typedef uint16_t Bfloats __attribute__((vector_size(width * sizeof(uint16_t))));

constexpr uint32_t bfloat16_top = 0xffff0000;  // its bits in a float32

inline Vector load(const uint16_t* p) {
  Bfloats v;
  memcpy(&v, p, sizeof v);
  return (Vector)(__builtin_convertvector(v, WordVector) << 16);
}

inline Vector load_part(const uint16_t* p, long n) {
  if (n == width) return load(p);
  uint16_t values[width] = {};
  memcpy(values, p, n * sizeof(uint16_t));
  return load(values);
}

// To the nearest bfloat16, ties to even, as float32. What is too large becomes infinite, and NaN stays NaN: the quiet bit
// keeps it one that has its other bits in the lower half, and a carry must not reach its sign.
inline Vector to_bfloat16(Vector v) {
  constexpr uint32_t quiet = 0x00400000;
  const WordVector bits = (WordVector)v, nearest = bits + 0x7fff + (bits >> 16 & 1);
  return (Vector)((v != v ? bits | quiet : nearest) & bfloat16_top);
}
inline Bfloats bfloats_of(Vector v) { return __builtin_convertvector((WordVector)to_bfloat16(v) >> 16, Bfloats); }

// Past the caches, to aligned memory of a vector.
inline void stream(uint16_t* p, Bfloats v) {
#if defined(__AVX512F__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)v);
#elif defined(__AVX2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), (__m128i)v);
#else
  memcpy(p, &v, sizeof v);
#endif
}

// The first n lanes, of which there may be none, past the caches where `streamed` and then all of them.
inline void store_bfloats(uint16_t* p, Bfloats v, long n, bool streamed) {
  if (streamed && n == width) stream(p, v);
  else if (n == width) memcpy(p, &v, sizeof v);
  else if (n > 0) memcpy(p, &v, n * sizeof(uint16_t));
}

inline float value_of(float x) { return x; }
inline float value_of(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Values as they are stored, in float32 or in bfloat16; the other is null.
struct Values {
  const float* floats;
  const uint16_t* bfloats;

  // Calls f with the array that there is.
  template <class F>
  auto with(const F& f) const {
    return bfloats != nullptr ? f(bfloats) : f(floats);
  }
  Values from(long i) const {
    return bfloats != nullptr ? Values{nullptr, bfloats + i} : Values{floats + i, nullptr};
  }
  // Where value i is, for prefetches.
  const float* address(long i) const {
    return bfloats != nullptr ? reinterpret_cast<const float*>(bfloats + i) : floats + i;
  }
};

inline Values read_values(Arguments& args, long n) {
  if (args.next_type() == Type::uint16) return {nullptr, args.bfloats(n)};
  return {args.floats(n), nullptr};
}
