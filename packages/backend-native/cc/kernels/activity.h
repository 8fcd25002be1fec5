// Sums of a sequence [samples][positions][channels], for each sample and for each position, and what its values are: of
// floats, bits and counts.
#pragma once
#include "../lib/functions.h"
#include "spikes.h"

// Elements of a sample per task: stretches of memory of some pages, since each begins with misses of the caches.
constexpr long activity_block = 16384;
template <class T>
constexpr long elements_per_task = activity_block;
template <>
constexpr long elements_per_task<uint32_t> = activity_block * 4;

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
  for (long i = 0; i < n; i++) seen.set += x[i] != 0;
  return seen;
}

// f(0) + ... + f(n - 1), of values that fit 8 bits: in parts that fit the type, whose sums take fewer instructions.
template <class T, long part, class F>
inline long sum_in_parts(long n, const F& f) {
  long sum = 0;
  for (long from = 0; from < n; from += part) {
    T of_part = 0;
    for (long i = from; i < min(n, from + part); i++) of_part += f(i);
    sum += of_part;
  }
  return sum;
}

inline Extent extent_of(const uint8_t* x, long n) {
  uint8_t least = 255, most = 0;
  for (long i = 0; i < n; i++) least = x[i] < least ? x[i] : least;
  for (long i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
  Extent seen;
  seen.include(least);
  seen.include(most);
  seen.set = sum_in_parts<uint8_t, 128>(n, [&](long i) { return x[i] != 0; });
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

// Some neighbouring positions of all samples.
struct Stripe {
  long samples, positions, channels;
  long from, to;

  long length() const { return (to - from) * channels; }
  long start(long sample) const { return (sample * positions + from) * channels; }
};

// Adds each sample's values to those of its positions, and writes its sum; the sums of positions begin at 0.
inline Extent add_stripe(const float* x, const Stripe& stripe, double* of_samples, double* of_positions) {
  Extent seen;
  for (long sample = 0; sample < stripe.samples; sample++) {
    const float* values = x + stripe.start(sample);
    double total = 0;
    for (long p = 0; p < stripe.to - stripe.from; p++) {
      double sum = 0;
      for (long c = p * stripe.channels; c < (p + 1) * stripe.channels; c++) sum += values[c];
      of_positions[p] += sum;
      total += sum;
    }
    of_samples[sample] = total;
    seen.include(extent_of(values, stripe.length()));
  }
  return seen;
}

inline Extent add_stripe(const uint32_t* x, const Stripe& stripe, double* of_samples, double* of_positions) {
  const long n = stripe.channels, words = n % word_bits == 0 ? n / word_bits : 0, positions = stripe.to - stripe.from;
  Extent seen;
  // A conversion to double for each position of each sample would take longer than all counting.
  long sums[activity_block];
  memset(sums, 0, positions * sizeof(long));
  for (long sample = 0; sample < stripe.samples; sample++) {
    const long start = stripe.start(sample);
    const uint32_t* first = x + start / word_bits;
    long total = 0;
    for (long p = 0; p < positions; p++) {
      long ones = 0;
      if (words == 0) ones = ones_between(x, start + p * n, start + (p + 1) * n);
      for (long w = 0; w < words; w++) ones += __builtin_popcount(first[p * words + w]);
      sums[p] += ones;
      total += ones;
    }
    of_samples[sample] = total;
    seen.set += total;
  }
  for (long p = 0; p < positions; p++) of_positions[p] = sums[p];
  if (seen.set > 0) seen.include(1);
  if (seen.set < stripe.samples * stripe.length()) seen.include(0);
  return seen;
}

inline Extent add_stripe(const uint8_t* x, const Stripe& stripe, double* of_samples, double* of_positions) {
  constexpr long sixteen_bits = 257;  // samples of counts whose sums fit 16 bits
  Extent seen;
  for (long at = 0; at < stripe.length(); at += activity_block) {
    const long length = min(activity_block, stripe.length() - at);
    const auto values = [&](long sample) { return x + stripe.start(sample) + at; };
    for (long first = 0; first < stripe.samples; first += sixteen_bits) {
      const long last = min(stripe.samples, first + sixteen_bits);
      uint16_t sums[activity_block] = {};
      long sample = first;
      // Four samples at a time, since the sums' loads and stores take longest.
      for (; sample + 4 <= last; sample += 4) {
        const uint8_t *a = values(sample), *b = values(sample + 1), *c = values(sample + 2), *d = values(sample + 3);
        for (long i = 0; i < length; i++) sums[i] += a[i] + b[i] + c[i] + d[i];
      }
      for (; sample < last; sample++) {
        const uint8_t* a = values(sample);
        for (long i = 0; i < length; i++) sums[i] += a[i];
      }
      for (sample = first; sample < last; sample++) {
        const uint8_t* a = values(sample);
        of_samples[sample] += sum_in_parts<uint16_t, 256>(length, [&](long i) { return a[i]; });
        seen.include(extent_of(a, length));
      }
      for (long i = 0; i < length;) {
        const long position = (at + i) / stripe.channels, end = min(length, (position + 1) * stripe.channels - at);
        uint32_t sum = 0;
        for (; i < end; i++) sum += sums[i];
        of_positions[position] += sum;
      }
    }
  }
  return seen;
}

// Reads the outputs, sums [samples], sums [positions] and values [4]: least, most, whether all are whole, and the part that is
// not 0.
template <class T>
Status activity_of(Arguments& args, const T* x, long samples, long positions, long channels) {
  float *of_samples = args.floats(samples), *of_positions = args.floats(positions), *values = args.floats(4);
  if (args.status != Status::ok) return args.status;
  const long batch = max(1, min(activity_block, elements_per_task<T> / channels)), tasks = ceil_div(positions, batch);
  // For each task its extent, the sums of its positions, and its part of each sample's.
  double* sums = reinterpret_cast<double*>(scratch(0, doubles(positions + tasks * samples)));
  Extent* extents = reinterpret_cast<Extent*>(scratch(1, tasks * (sizeof(Extent) / sizeof(float))));
  if (sums == nullptr || extents == nullptr) return Status::out_of_memory;
  double* parts = sums + positions;
  memset(sums, 0, (positions + tasks * samples) * sizeof(double));
  parallel(tasks, [&](long task) {
    const Stripe stripe{samples, positions, channels, task * batch, min(positions, (task + 1) * batch)};
    extents[task] = add_stripe(x, stripe, parts + task * samples, sums + stripe.from);
  });
  Extent all;
  for (long task = 0; task < tasks; task++) all.include(extents[task]);
  for (long sample = 0; sample < samples; sample++) {
    double sum = 0;
    for (long task = 0; task < tasks; task++) sum += parts[task * samples + sample];
    of_samples[sample] = static_cast<float>(sum);
  }
  for (long p = 0; p < positions; p++) of_positions[p] = static_cast<float>(sums[p]);
  values[0] = all.least;
  values[1] = all.most;
  values[2] = all.whole;
  values[3] = static_cast<float>(static_cast<double>(all.set) / (samples * positions * channels));
  return Status::ok;
}

// samples, positions, channels; floats -> sums of samples, sums of positions, values
SEW_KERNEL(activity) {
  Arguments args(call);
  const long samples = args.integer(1), positions = args.integer(1), channels = args.integer(1);
  const float* x = args.floats(product(samples, positions, channels));
  return activity_of(args, x, samples, positions, channels);
}

// samples, positions, channels; spikes -> sums of samples, sums of positions, values
SEW_KERNEL(activityOfSpikes) {
  Arguments args(call);
  const long samples = args.integer(1), positions = args.integer(1), channels = args.integer(1);
  const Spikes x = read_spikes(args, product(samples, positions, channels));
  return x.counts != nullptr ? activity_of(args, x.counts, samples, positions, channels)
                             : activity_of(args, x.bits, samples, positions, channels);
}
