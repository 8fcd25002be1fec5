// bfloat16 as float32, and float32 as bfloat16.
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

// size; floats -> bfloat16, to the nearest: how outputs are stored, to compare that with its definition.
SEW_KERNEL(packBfloat16) {
  Arguments args(call);
  const long n = args.integer();
  const float* x = args.floats(n);
  uint16_t* y = args.bfloats(n);
  if (args.status != Status::ok) return args.status;
  for_vectors(0, n, [&](long i, long count) { store_bfloats(y + i, bfloats_of(load_part(x + i, count)), count, false); });
  return Status::ok;
}
