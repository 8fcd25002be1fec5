// bfloat16 as float32.
#pragma once
#include "../lib/bfloat16.h"

// size; bfloat16 -> floats
SEW_KERNEL(unpackBfloat16) {
  Arguments args(call);
  const long n = args.integer();
  const uint16_t* x = args.bfloats(n);
  float* y = args.floats(n);
  if (args.status != Status::ok) return args.status;
  parallel(ceil_div(n, element_block), [&](long task) {
    for_vectors(task * element_block, min(n, (task + 1) * element_block),
                [&](long i, long count) { store_part(y + i, load_part(x + i, count), count); });
  });
  return Status::ok;
}
