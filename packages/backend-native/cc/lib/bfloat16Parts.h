// Numbers as sums of bfloat16, and spikes as bfloat16: what a matrix unit multiplies.
//
// A float32 has 24 bits of precision, a bfloat16 8, and both the same exponents: a number is the sum of three parts, each the
// nearest bfloat16 of what is left. A product with a spike or a count is then three exact products. Of two numbers, six of
// the nine products are enough: the others are below 2^-26 of it, a quarter of a float32's rounding. Parts below the
// normal numbers are lost: of numbers below 2^-102 some bits, of those below 2^-126 all.
#pragma once
#include "arguments.h"
#include "bfloat16.h"
#include "transpose.h"

// Pairs of bfloat16, the first in the low half, of the upper halves of float32 numbers.
inline Vector upper_halves(Vector first, Vector second) {
  return (Vector)(((WordVector)second & bfloat16_top) | (WordVector)first >> 16);
}

// The parts of numbers, in the upper halves: the nearest bfloat16, ties to even; or three that add up to the number. Where it
// is infinite, NaN, or rounds to an infinite one, at least one of the parts is infinite or NaN.
template <int Parts>
inline void split(Vector v, Vector* parts) {
  static_assert(Parts == 1 || Parts == 3);
  if constexpr (Parts == 1) {
    parts[0] = to_bfloat16(v);
  } else {
    for (int p = 0; p < 2; p++) {
      parts[p] = (Vector)(((WordVector)v + 0x8000) & bfloat16_top);
      v -= parts[p];
    }
    // What is left has at most 6 bits.
    parts[2] = v;
  }
}

// The parts of two vectors as pairs.
template <int Parts>
inline void split_pairs(Vector first, Vector second, Vector* parts) {
  Vector a[Parts], b[Parts];
  split<Parts>(first, a);
  split<Parts>(second, b);
  for (int p = 0; p < Parts; p++) parts[p] = upper_halves(a[p], b[p]);
}

// The parts of `count` numbers in order, `part` bytes apart.
template <int Parts>
inline void spread_values(const float* from, long count, long part, char* to) {
  for_vectors(0, count, [&](long i, long n) {
    Vector parts[Parts];
    split<Parts>(load_part(from + i, n), parts);
    for (int p = 0; p < Parts; p++) {
      const Bfloats values = __builtin_convertvector((WordVector)parts[p] >> 16, Bfloats);
      store_bfloats(reinterpret_cast<uint16_t*>(to + p * part) + i, values, n, false);
    }
  });
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
