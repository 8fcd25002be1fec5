// Floats a vector at a time, of which the last may be partial, and spikes as vectors.
#pragma once
#include "arguments.h"

// The bits of a vector's lanes.
typedef uint32_t WordVector __attribute__((vector_size(sizeof(Vector))));

constexpr long element_block = 16384;  // elements per task of an element-wise pass

// Calls f(index of the first, how many) for from ... to - 1.
template <class F>
inline void for_vectors(long from, long to, const F& f) {
  long i = from;
  for (; i + width <= to; i += width) f(i, width);
  if (i < to) f(i, to - i);
}

inline Vector load_part(const float* p, long n) {
  if (n == width) return load(p);
  float values[width] = {};
  memcpy(values, p, n * sizeof(float));
  return load(values);
}

inline void store_part(float* p, Vector v, long n) {
  if (n == width) return store(p, v);
  float values[width];
  store(values, v);
  memcpy(p, values, n * sizeof(float));
}

// Larger results are not in the caches when they are read next: writing past them saves reading what is overwritten.
constexpr long stream_bytes = 32L << 20;

// Whether rows of K values each, n values in all, are streamed.
template <class T>
inline bool is_streamed(const T* y, long n, long K) {
  constexpr long size = sizeof(T);
  return n >= stream_bytes / size && K % width == 0 && reinterpret_cast<uintptr_t>(y) % (width * size) == 0;
}

// All ones in the lanes whose bits are set. The first lane has the lowest bit.
inline IntVector lanes_of(uint32_t word) {
  IntVector bit;
  for (int i = 0; i < width; i++) bit[i] = 1 << i;
  return (bit & static_cast<int32_t>(word)) != 0;
}

// x where the bit is set, else 0
inline Vector where_set(uint32_t word, Vector x) { return (Vector)(lanes_of(word) & (IntVector)x); }

// Counts as lanes of integers; 0 past the n-th.
inline IntVector load_counts(const uint8_t* p, long n) {
  typedef uint8_t Bytes __attribute__((vector_size(width)));
  typedef uint16_t Shorts __attribute__((vector_size(2 * width)));
  Bytes bytes = {};
  n == width ? memcpy(&bytes, p, width) : memcpy(&bytes, p, n);
  // Widened in two steps, for each of which g++ has an instruction. It compiles a single step lane by lane.
  return __builtin_convertvector(__builtin_convertvector(bytes, Shorts), IntVector);
}
