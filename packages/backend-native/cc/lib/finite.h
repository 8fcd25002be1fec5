// Whether numbers are finite, at one operation per vector where they pass through registers anyway.
//
// Fast convolutions skip or add products with zeros: of spikes that are silent, of padding, and in Winograd's transforms.
// That is right while 0 times a number is 0. Where a number is infinite or NaN they return Status::not_finite, and the
// kernels of plainConv.h compute the definition.
#pragma once
#include "vectors.h"

// 0 times infinity and 0 times NaN are NaN.
inline Vector mark(Vector marks, Vector v) { return fma(v, Vector{}, marks); }

inline bool is_finite(Vector marks) {
  float values[width];
  store(values, marks);
  float sum = 0;
  for (int i = 0; i < width; i++) sum += values[i];
  return sum == 0;
}

inline bool all_finite(const float* p, long n) {
  Vector marks[4] = {};
  long i = 0;
  for (; i + 4 * width <= n; i += 4 * width)
    for (int j = 0; j < 4; j++) marks[j] = mark(marks[j], load(p + i + j * width));
  for_vectors(i, n, [&](long at, long count) { marks[0] = mark(marks[0], load_part(p + at, count)); });
  return is_finite(marks[0] + marks[1] + marks[2] + marks[3]);
}

// What may go wrong in a task. Tasks run on several threads.
struct Outcome {
  bool no_memory = false, not_finite = false;
  void lacks_memory() { __atomic_store_n(&no_memory, true, __ATOMIC_RELAXED); }
  void check(bool finite) {
    if (!finite) __atomic_store_n(&not_finite, true, __ATOMIC_RELAXED);
  }
  Status status() const {
    return no_memory ? Status::out_of_memory : not_finite ? Status::not_finite : Status::ok;
  }
};
