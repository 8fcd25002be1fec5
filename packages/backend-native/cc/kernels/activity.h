// Sums along the last axis, and the values' range and density: of floats, bits and counts.
#pragma once
#include "../lib/functions.h"
#include "spikes.h"

// The values that were seen.
struct Extent {
  float least = INFINITY, most = -INFINITY;
  bool whole = true;
  long set = 0;  // how many are not 0

  void include(float value) {
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
  void include(const Extent& other) {
    include(other.least);
    include(other.most);
    whole &= other.whole;
    set += other.set;
  }
};

inline Extent extent_of(const float* x, long n) {
  Extent seen;
  if (n == 0) return seen;
  Vector least = splat(x[0]), most = least;
  IntVector whole = ~IntVector{};
  for_vectors(0, n, [&](long i, long lanes) {
    const Vector v = choose(lanes_of((uint64_t{1} << lanes) - 1), load_part(x + i, lanes), splat(x[0]));
    least = min_of(least, v);
    most = max_of(most, v);
    whole &= round_of(v) == v;
  });
  for (int lane = 0; lane < width; lane++) {
    seen.include(least[lane]);
    seen.include(most[lane]);
    seen.whole &= whole[lane] != 0;
  }
  return seen;
}

inline Extent extent_of(const uint8_t* x, long n) {
  uint8_t least = 255, most = 0;
  for (long i = 0; i < n; i++) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  Extent seen;
  seen.include(least);
  seen.include(most);
  return seen;
}

// How many bits in [from, to) are set; to is above from.
inline long ones_between(const uint32_t* bits, long from, long to) {
  const long last = (to - 1) / word_bits;
  long w = from / word_bits, ones = 0;
  uint32_t word = bits[w] & ~first_bits(from % word_bits);
  for (; w < last; word = bits[++w]) ones += __builtin_popcount(word);
  return ones + __builtin_popcount(word & first_bits((to - 1) % word_bits + 1));
}

// The sum of eight counts: of neighbours in 16 bits, and of these in the highest.
inline long sum_of_eight(uint64_t counts) {
  constexpr uint64_t low = 0x00ff00ff00ff00ff;
  return ((counts & low) + (counts >> 8 & low)) * uint64_t{0x0001000100010001} >> 48;
}

// How many of eight counts are not 0: adding 127 to the low 7 bits carries into the highest.
inline long set_of_eight(uint64_t counts) {
  constexpr uint64_t low = 0x7f7f7f7f7f7f7f7f;
  return __builtin_popcountll((((counts & low) + low) | counts) & ~low);
}

// Fills the sums of the rows from ... to - 1 of n values, and returns the extent of these.
inline Extent fill_sums(const float* x, long n, long from, long to, float* sums) {
  long set = 0;
  for (long row = from; row < to; row++) {
    double sum = 0;
    for (long i = row * n; i < (row + 1) * n; i++) {
      sum += x[i];
      set += x[i] != 0;
    }
    sums[row] = static_cast<float>(sum);
  }
  Extent seen = extent_of(x + from * n, (to - from) * n);
  seen.set = set;
  return seen;
}

inline Extent fill_sums(const uint8_t* x, long n, long from, long to, float* sums) {
  long set = 0;
  for (long row = from; row < to; row++) {
    const uint8_t* values = x + row * n;
    long sum = 0;
    for (long i = 0; i < n; i += 8) {
      uint64_t eight = 0;
      i + 8 <= n ? memcpy(&eight, values + i, 8) : memcpy(&eight, values + i, n - i);
      sum += sum_of_eight(eight);
      set += set_of_eight(eight);
    }
    sums[row] = static_cast<float>(sum);
  }
  Extent seen = extent_of(x + from * n, (to - from) * n);
  seen.set = set;
  return seen;
}

inline Extent fill_sums(const uint32_t* x, long n, long from, long to, float* sums) {
  const long words = n % word_bits == 0 ? n / word_bits : 0;
  Extent seen;
  for (long row = from; row < to; row++) {
    long ones = 0;
    if (words == 0) ones = ones_between(x, row * n, (row + 1) * n);
    for (long w = 0; w < words; w++) ones += __builtin_popcount(x[row * words + w]);
    sums[row] = static_cast<float>(ones);
    seen.set += ones;
  }
  if (seen.set > 0) seen.include(1);
  if (seen.set < (to - from) * n) seen.include(0);
  return seen;
}

// Reads the outputs, sums [rows] and values [4]: least, most, whether all are whole, and the part that is not 0.
template <class T>
Status activity_of(Arguments& args, const T* x, long rows, long n) {
  float *sums = args.floats(rows), *values = args.floats(4);
  if (args.status != Status::ok) return args.status;
  const long batch = max(1, element_block / n), tasks = ceil_div(rows, batch);
  Extent* extents = reinterpret_cast<Extent*>(scratch(0, tasks * (sizeof(Extent) / sizeof(float))));
  if (extents == nullptr) return Status::out_of_memory;
  parallel(tasks, [&](long task) {
    extents[task] = fill_sums(x, n, task * batch, min(rows, (task + 1) * batch), sums);
  });
  Extent all;
  for (long task = 0; task < tasks; task++) all.include(extents[task]);
  values[0] = all.least;
  values[1] = all.most;
  values[2] = all.whole;
  values[3] = static_cast<float>(static_cast<double>(all.set) / (rows * n));
  return Status::ok;
}

// rows, n; floats -> sums, values
SEW_KERNEL(activity) {
  Arguments args(call);
  const long rows = args.integer(1), n = args.integer(1);
  const float* x = args.floats(product(rows, n));
  return activity_of(args, x, rows, n);
}

// rows, n; spikes -> sums, values
SEW_KERNEL(activityOfSpikes) {
  Arguments args(call);
  const long rows = args.integer(1), n = args.integer(1);
  const Spikes x = read_spikes(args, product(rows, n));
  return x.counts != nullptr ? activity_of(args, x.counts, rows, n) : activity_of(args, x.bits, rows, n);
}
