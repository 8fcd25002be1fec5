// The bandwidth of memory, by the triad of STREAM (McCalpin, 1995): what the bytes that a kernel must move are compared with.
#pragma once
#include "../lib/arguments.h"
#include "../lib/vectors.h"

// size; b, c -> a = b + 3 c
SEW_KERNEL(triad) {
  Arguments args(call);
  const long n = args.integer();
  const float *b = args.floats(n), *c = args.floats(n);
  float* a = args.floats(n);
  if (args.status != Status::ok) return args.status;
  const long tasks = min(thread_count(), max(1, n)), part = ceil_div(n, tasks);
  parallel(tasks, [&](long task) {
    const Vector three = splat(3.0f);
    for_vectors(task * part, min(n, (task + 1) * part), [&](long i, long count) {
      store_part(a + i, fma(three, load_part(c + i, count), load_part(b + i, count)), count);
    });
  });
  return Status::ok;
}
