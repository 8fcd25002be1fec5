// Spikes as bits (of 0 and 1) and as counts (bytes, of small sums of spikes). Results are those of the kernels for floats.
#pragma once
#include "../lib/arguments.h"
#include "../lib/vectors.h"
#include "reduce.h"

constexpr long word_block = 4096;  // words per task

// Spikes in either form; the other is null.
struct Spikes {
  const uint32_t* bits;
  const uint8_t* counts;
};

inline Spikes read_spikes(Arguments& args, long n) {
  if (args.next_type() == Type::uint8) return {nullptr, args.bytes(n)};
  return {args.bits(n), nullptr};
}

// A number of elements may exceed a 32-bit integer: it is stored as its low 30 bits and the rest.
constexpr long count_words = 2;
inline void store_count(int32_t* to, long count) {
  to[0] = static_cast<int32_t>(count & 0x3fffffff);
  to[1] = static_cast<int32_t>(count >> 30);
}

// The bits of the first n elements of a word, n at least 1.
inline uint32_t first_bits(long n) { return n >= word_bits ? ~uint32_t{0} : (uint32_t{1} << n) - 1; }

template <class F>
void for_words(long n, const F& f) {
  const long words = ceil_div(n, word_bits);
  parallel(ceil_div(words, word_block), [&](long task) {
    for (long w = task * word_block; w < min(words, (task + 1) * word_block); w++) f(w);
  });
}

// Calls f(index of the first, how many, their bits) a vector at a time.
template <class F>
void for_bit_vectors(long n, const uint32_t* bits, const F& f) {
  parallel(ceil_div(n, element_block), [&](long task) {
    for_vectors(task * element_block, min(n, (task + 1) * element_block),
                [&](long i, long lanes) { f(i, lanes, bits[i / word_bits] >> (i % word_bits)); });
  });
}

// size; bits -> floats
SEW_KERNEL(unpackBits) {
  Arguments args(call);
  const long n = args.integer();
  const uint32_t* bits = args.bits(n);
  float* y = args.floats(n);
  if (args.status != Status::ok) return args.status;
  for_bit_vectors(n, bits, [&](long i, long lanes, uint32_t set) {
    store_part(y + i, where_set(set, splat(1.0f)), lanes);
  });
  return Status::ok;
}

// size; x, bits -> x times the bits. A product and no choice: 0 times infinity is NaN, and 0 has the sign of x.
SEW_KERNEL(maskFloats) {
  Arguments args(call);
  const long n = args.integer();
  const float* x = args.floats(n);
  const uint32_t* bits = args.bits(n);
  float* y = args.floats(n);
  if (args.status != Status::ok) return args.status;
  for_bit_vectors(n, bits, [&](long i, long lanes, uint32_t set) {
    store_part(y + i, load_part(x + i, lanes) * where_set(set, splat(1.0f)), lanes);
  });
  return Status::ok;
}

// size; bits a, b -> bits of a and b
SEW_KERNEL(andBits) {
  Arguments args(call);
  const long n = args.integer();
  const uint32_t *a = args.bits(n), *b = args.bits(n);
  uint32_t* y = args.bits(n);
  if (args.status != Status::ok) return args.status;
  for_words(n, [&](long w) { y[w] = a[w] & b[w]; });
  return Status::ok;
}

// size; bits -> bits of 1 - x
SEW_KERNEL(notBits) {
  Arguments args(call);
  const long n = args.integer();
  const uint32_t* x = args.bits(n);
  uint32_t* y = args.bits(n);
  if (args.status != Status::ok) return args.status;
  for_words(n, [&](long w) { y[w] = ~x[w]; });
  if (n % word_bits != 0) y[n / word_bits] &= first_bits(n % word_bits);
  return Status::ok;
}

// The lowest 8 bits as counts, one in each byte: each byte gets all 8 and keeps one of them; adding 127 then carries a
// bit that is set to the top.
inline uint64_t eight_counts(uint32_t word) {
  const uint64_t one_each = (word & 0xff) * uint64_t{0x0101010101010101} & 0x8040201008040201;
  return (one_each + 0x7f7f7f7f7f7f7f7f) >> 7 & 0x0101010101010101;
}

// The counts from i on, of which there are n.
inline uint64_t eight_counts(const Spikes& x, long i, long n) {
  if (x.bits != nullptr) return eight_counts(x.bits[i / word_bits] >> (i % word_bits));
  uint64_t eight = 0;
  memcpy(&eight, x.counts + i, n);
  return eight;
}

// Returns the events of the sums.
inline long add_eight(const Spikes& a, const Spikes& b, uint8_t* y, long i, long n) {
  const uint64_t sums = eight_counts(a, i, n) + eight_counts(b, i, n);
  memcpy(y + i, &sums, n);
  return __builtin_popcountll(sums);
}

#if defined(__AVX512BW__)
constexpr long many_counts = 64;

inline __m512i counts_at(const Spikes& x, long i) {
  if (x.counts != nullptr) return _mm512_loadu_si512(x.counts + i);
  uint64_t set;
  memcpy(&set, x.bits + i / word_bits, sizeof set);
  return _mm512_maskz_set1_epi8(set, 1);
}

inline long add_many(const Spikes& a, const Spikes& b, uint8_t* y, long i) {
  _mm512_storeu_si512(y + i, _mm512_add_epi8(counts_at(a, i), counts_at(b, i)));
  long events = 0;
  for (long j = i; j < i + many_counts; j += 8) {
    uint64_t eight;
    memcpy(&eight, y + j, sizeof eight);
    events += __builtin_popcountll(eight);
  }
  return events;
}
#else
constexpr long many_counts = 8;
inline long add_many(const Spikes& a, const Spikes& b, uint8_t* y, long i) { return add_eight(a, b, y, i, 8); }
#endif

// size; spikes a, b -> counts of a + b, none of them above 255; their events
SEW_KERNEL(addSpikes) {
  Arguments args(call);
  const long n = args.integer();
  const Spikes a = read_spikes(args, n), b = read_spikes(args, n);
  uint8_t* y = args.bytes(n);
  int32_t* count = args.ints(count_words);
  if (args.status != Status::ok) return args.status;
  long events = 0;
  parallel(ceil_div(n, element_block), [&](long task) {
    const Spikes p = a, q = b;  // the compiler must see that writing counts changes neither
    uint8_t* to = y;
    long i = task * element_block;
    const long end = min(n, i + element_block);
    long counted = 0;
    for (; i + many_counts <= end; i += many_counts) counted += add_many(p, q, to, i);
    for (; i < end; i += 8) counted += add_eight(p, q, to, i, min(8, end - i));
    __atomic_fetch_add(&events, counted, __ATOMIC_RELAXED);
  });
  store_count(count, events);
  return Status::ok;
}

// size; spikes -> their events: the bits that are set, also those of counts' binary digits
SEW_KERNEL(countSpikes) {
  Arguments args(call);
  const long n = args.integer();
  const Spikes x = read_spikes(args, n);
  int32_t* y = args.ints(count_words);
  if (args.status != Status::ok) return args.status;
  long count = 0;
  parallel(ceil_div(n, element_block), [&](long task) {
    long i = task * element_block, counted = 0;
    const long to = min(n, i + element_block);
    if (x.counts != nullptr) {
      for (; i + 8 <= to; i += 8) counted += __builtin_popcountll(eight_counts(x, i, 8));
      if (i < to) counted += __builtin_popcountll(eight_counts(x, i, to - i));
    } else {
      for (; i < to; i += word_bits) counted += __builtin_popcount(x.bits[i / word_bits]);
    }
    __atomic_fetch_add(&count, counted, __ATOMIC_RELAXED);
  });
  store_count(y, count);
  return Status::ok;
}

constexpr long reduce_most = 1L << 20;  // most values of the axis in a chunk: sums of that many counts fit 32 bits

// op, outer, n, inner; spikes -> y [outer][inner], the sum or the mean over n. Of bits, inner is in whole words, or all
// is one sum. Integers have one sum in any order: that of reduce, which adds in double precision.
SEW_KERNEL(reduceSpikes) {
  Arguments args(call);
  const Reduce op = args.choice(Reduce::mean);
  const long outer = args.integer(), n = args.integer(), inner = args.integer();
  const Spikes x = read_spikes(args, product(outer, n, inner));
  float* y = args.floats(product(outer, inner));
  const bool words = x.bits != nullptr;
  if (words && inner % word_bits != 0 && (outer != 1 || inner != 1)) args.fail(Status::wrong_type);
  if (args.status != Status::ok) return args.status;
  if (outer * inner == 0) return Status::ok;
  const long chunk = min(reduce_most, max(reduce_least, ceil_div(ceil_div(n, reduce_chunks), word_bits) * word_bits));
  const long chunks = max(1, ceil_div(n, chunk)), parts = outer * chunks;
  int32_t* partial = reinterpret_cast<int32_t*>(scratch(0, parts * inner));
  if (partial == nullptr) return Status::out_of_memory;
  const long batch = max(1, element_block / max(1, min(n, chunk) * inner));
  parallel(ceil_div(parts, batch), [&](long task) {
    for (long part = task * batch; part < min(parts, (task + 1) * batch); part++) {
      const long o = part / chunks, from = part % chunks * chunk, to = min(n, from + chunk);
      int32_t* __restrict into = partial + part * inner;
      memset(into, 0, inner * sizeof(int32_t));
      const long row = o * n * inner;
      if (inner == 1) {
        int32_t sum = 0;
        if (words)
          for (long j = from; j < to; j += word_bits) sum += __builtin_popcount(x.bits[j / word_bits]);
        else
          for (long j = from; j < to; j++) sum += x.counts[row + j];
        into[0] = sum;
      } else if (words) {
        for (long i = 0; i < inner; i += word_bits) {
          IntVector sums[word_bits / width] = {};
          for (long j = from; j < to; j++) {
            const uint32_t word = x.bits[(row + j * inner + i) / word_bits];
            for (int k = 0; k < word_bits / width; k++) sums[k] -= lanes_of(word >> k * width);
          }
          memcpy(into + i, sums, sizeof sums);
        }
      } else {
        for (long j = from; j < to; j++)
          for (long i = 0; i < inner; i++) into[i] += x.counts[row + j * inner + i];
      }
    }
  });
  const double scale = op == Reduce::mean ? 1.0 / n : 1.0;
  for (long o = 0; o < outer; o++)
    for (long i = 0; i < inner; i++) {
      double sum = 0;
      for (long c = 0; c < chunks; c++) sum += partial[(o * chunks + c) * inner + i];
      y[o * inner + i] = static_cast<float>(sum * scale);
    }
  return Status::ok;
}
