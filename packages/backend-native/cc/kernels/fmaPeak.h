// The peak rate of multiply-adds, with all operands in registers: what the times of kernels are compared with.
#pragma once
#include "../lib/matrixBlock.h"
#include "../lib/tile.h"

// Products are those of elements E, floats or pairs of bfloat16.
template <class E>
void fma_peak(long rounds, float* done) {
  constexpr int chains = 12;  // more than latency times units, and few enough for every register file
  const long threads = min(thread_count(), 256);
  float sums[256];
  parallel(threads, [&](long task) {
    Vector sum[chains];
#pragma GCC unroll 16
    for (int i = 0; i < chains; i++) sum[i] = splat(static_cast<float>(i));
    const Vector a = splat(0.999f), b = splat(0.001f);
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 16
      for (int i = 0; i < chains; i++) sum[i] = values_in<E> == 1 ? fma(sum[i], a, b) : add_product(sum[i], a, b, E());
    }
    Vector total = sum[0];
#pragma GCC unroll 16
    for (int i = 1; i < chains; i++) total += sum[i];
    sums[task] = total[0];
  });
  done[0] = static_cast<float>(2.0 * values_in<E> * width * chains * rounds * threads);
  done[1] = 0;
  for (long i = 0; i < threads; i++) done[1] += sums[i];
}

// Products of the matrix unit, with operands in its tiles: four sums, as in matrixBlock.h.
inline void matrix_peak(long rounds, float* done) {
  const long threads = min(thread_count(), 256);
  float sums[256];
  parallel(threads, [&](long task) {
    alignas(64) char zeros[pair_tile] = {};
    alignas(64) float found[block_size][block_size];
    MatrixUnit unit(whole_tiles());
    zero_sums(unit);
    unit.load<4>(zeros, tile_bytes), unit.load<5>(zeros, tile_bytes);
    unit.load<6>(zeros, tile_bytes), unit.load<7>(zeros, tile_bytes);
    for (long r = 0; r < rounds; r++) {
      unit.add_bfloat16<0, 4, 6>();
      unit.add_bfloat16<1, 4, 7>();
      unit.add_bfloat16<2, 5, 6>();
      unit.add_bfloat16<3, 5, 7>();
    }
    store_sums(unit, found);
    sums[task] = found[0][0];
  });
  done[0] = 2.0f * block_size * block_size * (tile_bytes / 2) * static_cast<float>(rounds * threads);
  done[1] = 0;
  for (long i = 0; i < threads; i++) done[1] += sums[i];
}

// rounds per thread, in thousands, and what multiplies: 0 float32, 1 bfloat16 where the processor multiplies it, 2 the matrix unit, where
// the processor has none its emulation; -> [2] operations done, a multiply-add counting as two, and a sum to keep them alive
SEW_KERNEL(fmaPeak) {
  Arguments args(call);
  const long rounds = args.integer(1, most_step) * 1000, unit = args.integer(0, 2);
  float* done = args.floats(2);
  if (args.status != Status::ok) return args.status;
  if (unit == 2) return matrix_peak(rounds, done), Status::ok;
#ifdef SEW_PAIRS
  if (unit == 1 && pairs_supported()) return fma_peak<Pair>(rounds, done), Status::ok;
#endif
  fma_peak<float>(rounds, done);
  return Status::ok;
}
