// Images as kernels read them: floats, counts, or words of bits.
#pragma once
#include "finite.h"
#include "vectors.h"

// Channels in an element.
template <class T>
constexpr long channels_in = 1;
template <>
constexpr long channels_in<uint32_t> = word_bits;

// `count` channels of a pixel from channel c on, of bits all `width`.
inline Vector channels_at(const float* pixel, long c, long count = width) { return load_part(pixel + c, count); }
inline Vector channels_at(const uint8_t* pixel, long c, long count = width) {
  return __builtin_convertvector(load_counts(pixel + c, count), Vector);
}
inline Vector channels_at(const uint32_t* pixel, long c, long = width) {
  return where_set(pixel[c / word_bits] >> (c % word_bits), splat(1.0f));
}

// Whether all of an image's numbers are finite. Spikes are.
template <class T>
inline bool all_finite_parallel(const T*, long) {
  return true;
}
template <>
inline bool all_finite_parallel(const float* x, long n) {
  Outcome outcome;
  parallel(ceil_div(n, element_block), [&](long task) {
    const long from = task * element_block;
    outcome.check(all_finite(x + from, min(element_block, n - from)));
  });
  return !outcome.not_finite;
}

// Calls f with the next buffer as what it holds: the floats, counts or bits of images of n values.
template <class F>
inline Status with_images(Arguments& args, long n, long C, const F& f) {
  switch (args.next_type()) {
    case Type::uint8: return f(args.bytes(n));
    case Type::int32:
      if (C % word_bits != 0) args.fail(Status::wrong_type);
      return f(args.bits(n));
    default: return f(args.floats(n));
  }
}
