// Sums, numbers of non-zero values, and the range of values, along the last axis: of floats, bits and counts.
#pragma once
#include "spikes.h"

// The values that were seen.
struct Extent {
  float least = INFINITY, most = -INFINITY;
  bool whole = true;

  void include(float value) {
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
};

// From 2^23 on every float is whole, and below it fits an integer. NaN is not whole.
inline bool is_whole(float v) { return fabsf(v) < 0x1p23f ? v == static_cast<float>(static_cast<int32_t>(v)) : v == v; }

// How many bits in [from, to) are set; to is above from.
inline long ones_between(const uint32_t* bits, long from, long to) {
  const long last = (to - 1) / word_bits;
  long w = from / word_bits, ones = 0;
  uint32_t word = bits[w] & ~first_bits(from % word_bits);
  for (; w < last; word = bits[++w]) ones += __builtin_popcount(word);
  return ones + __builtin_popcount(word & first_bits((to - 1) % word_bits + 1));
}

// Sum and number of non-zero values of a row.
struct Activity {
  float sum, non_zeros;
};

inline Activity activity_of(const float* values, long n, Extent& seen) {
  double sum = 0;
  long set = 0;
  for (long i = 0; i < n; i++) {
    sum += values[i];
    set += values[i] != 0;
    seen.include(values[i]);
    seen.whole &= is_whole(values[i]);
  }
  return {static_cast<float>(sum), static_cast<float>(set)};
}

inline Activity activity_of(const uint8_t* counts, long n, Extent& seen) {
  long sum = 0, set = 0;
  uint8_t least = 255, most = 0;
  for (long i = 0; i < n; i++) {
    sum += counts[i];
    set += counts[i] != 0;
    least = counts[i] < least ? counts[i] : least;
    most = counts[i] > most ? counts[i] : most;
  }
  seen.include(least);
  seen.include(most);
  return {static_cast<float>(sum), static_cast<float>(set)};
}

inline Activity activity_of_bits(const uint32_t* bits, long from, long n, Extent& seen) {
  const long ones = ones_between(bits, from, from + n);
  if (ones > 0) seen.include(1);
  if (ones < n) seen.include(0);
  return {static_cast<float>(ones), static_cast<float>(ones)};
}

// Reads the outputs, sums [rows], non-zeros [rows] and range [3] (least, most, whether all are whole), and fills them with
// what f finds in each row.
template <class F>
Status each_activity(Arguments& args, long rows, long n, const F& f) {
  float *sums = args.floats(rows), *non_zeros = args.floats(rows), *range = args.floats(3);
  if (args.status != Status::ok) return args.status;
  const long batch = max(1, element_block / n), tasks = ceil_div(rows, batch);
  Extent* extents = reinterpret_cast<Extent*>(scratch(0, tasks * (sizeof(Extent) / sizeof(float))));
  if (extents == nullptr) return Status::out_of_memory;
  parallel(tasks, [&](long task) {
    Extent seen;
    for (long row = task * batch; row < min(rows, (task + 1) * batch); row++) {
      const Activity found = f(row, seen);
      sums[row] = found.sum;
      non_zeros[row] = found.non_zeros;
    }
    extents[task] = seen;
  });
  Extent all;
  for (long task = 0; task < tasks; task++) {
    all.include(extents[task].least);
    all.include(extents[task].most);
    all.whole &= extents[task].whole;
  }
  range[0] = all.least;
  range[1] = all.most;
  range[2] = all.whole;
  return Status::ok;
}

// rows, n; floats -> sums, non-zeros, range
SEW_KERNEL(activity) {
  Arguments args(call);
  const long rows = args.integer(1), n = args.integer(1);
  const float* x = args.floats(product(rows, n));
  return each_activity(args, rows, n, [&](long row, Extent& seen) { return activity_of(x + row * n, n, seen); });
}

// rows, n; spikes -> sums, non-zeros, range. Of bits, both are the same, and may be one array.
SEW_KERNEL(activityOfSpikes) {
  Arguments args(call);
  const long rows = args.integer(1), n = args.integer(1);
  const Spikes x = read_spikes(args, product(rows, n));
  return each_activity(args, rows, n, [&](long row, Extent& seen) {
    return x.bits != nullptr ? activity_of_bits(x.bits, row * n, n, seen) : activity_of(x.counts + row * n, n, seen);
  });
}
