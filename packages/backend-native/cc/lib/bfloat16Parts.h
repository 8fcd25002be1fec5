// Numbers as sums of bfloat16, and spikes as bfloat16: what a matrix unit multiplies.
//
// A float32 has 24 bits of precision, a bfloat16 8, and both the same exponents: a number is the sum of three parts, each the
// nearest bfloat16 of what is left. A product with a spike or a count is then three exact products. Of two numbers, six of
// the nine products are enough: the others are below 2^-26 of it, a quarter of a float32's rounding. Parts below the
// normal numbers are lost: of numbers below 2^-102 some bits, of those below 2^-126 all.
#pragma once
#include "arguments.h"
#include "transpose.h"
#include "vectors.h"

typedef uint32_t WordVector __attribute__((vector_size(sizeof(Vector))));

constexpr uint32_t bfloat16_top = 0xffff0000;  // its bits in a float32

// Pairs of bfloat16, the first in the low half, of the upper halves of float32 numbers.
inline Vector upper_halves(Vector first, Vector second) {
  return (Vector)(((WordVector)second & bfloat16_top) | (WordVector)first >> 16);
}

// To the nearest bfloat16, ties to even; infinite and NaN as they are.
inline Vector to_bfloat16(Vector v) {
  const WordVector bits = (WordVector)v, nearest = bits + 0x7fff + (bits >> 16 & 1);
  const WordVector finite = (WordVector)((bits & 0x7f800000) != 0x7f800000);
  return (Vector)(((nearest & finite) | (bits & ~finite)) & bfloat16_top);
}

// The parts of numbers, as pairs: the nearest bfloat16, ties to even; or three that add up to the number. Where it is
// infinite, NaN, or rounds to an infinite one, at least one of the parts is infinite or NaN.
template <int Parts>
inline void split_pairs(Vector first, Vector second, Vector* parts) {
  static_assert(Parts == 1 || Parts == 3);
  if constexpr (Parts == 1) {
    parts[0] = upper_halves(to_bfloat16(first), to_bfloat16(second));
  } else {
    const auto nearest = [](Vector v) { return (Vector)(((WordVector)v + 0x8000) & bfloat16_top); };
    for (int p = 0; p < 2; p++) {
      const Vector a = nearest(first), b = nearest(second);
      parts[p] = upper_halves(a, b);
      first -= a;
      second -= b;
    }
    // What is left has at most 6 bits.
    parts[2] = upper_halves(first, second);
  }
}

// `count` numbers, at most a vector; zeros behind them.
inline Vector load_some(const float* p, long count) { return count > 0 ? load_part(p, min(count, width)) : Vector{}; }

// 32 spikes as bfloat16 0 or 1.
inline void spread_bits(uint32_t word, uint16_t* to) {
  constexpr uint16_t one = 0x3f80;
#if defined(__AVX512BW__)
  _mm512_storeu_si512(to, _mm512_maskz_mov_epi16(word, _mm512_set1_epi16(one)));
#else
  for (int i = 0; i < word_bits; i++) to[i] = static_cast<uint16_t>((word >> i & 1) * one);
#endif
}

// A count as bfloat16, which is exact up to 256.
inline uint16_t count_bfloat16(uint8_t count) {
  const float value = count;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}

// The bits of two words in turn, the first word's lowest.
inline uint64_t interleave(uint32_t first, uint32_t second) {
  const auto spread = [](uint64_t word) {
    word = (word | word << 16) & 0x0000ffff0000ffff;
    word = (word | word << 8) & 0x00ff00ff00ff00ff;
    word = (word | word << 4) & 0x0f0f0f0f0f0f0f0f;
    word = (word | word << 2) & 0x3333333333333333;
    return (word | word << 1) & 0x5555555555555555;
  };
  return spread(first) | spread(second) << 1;
}
