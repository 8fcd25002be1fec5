// c[b] = a[b] * b[b] for a batch of matrices, either of them transposed.
#pragma once
#include "../lib/arguments.h"
#include "../lib/tile.h"

constexpr long matmul_rows = 84;  // rows of c per task: a multiple of every tile's height

// a [batchA][M][L] (or [L][M]), b [batchB][L][N] (or [N][L]) -> c [batch][M][N]; a batch of 1 is repeated.
SEW_KERNEL(matMul) {
  Arguments args(call);
  const long batch = args.integer(), batch_a = args.integer(), batch_b = args.integer();
  const long M = args.integer(), L = args.integer(), N = args.integer();
  const bool transpose_a = args.number() != 0, transpose_b = args.number() != 0;
  const float *a = args.floats(product(batch_a, M, L)), *b = args.floats(product(batch_b, L, N));
  float* c = args.floats(product(batch, M, N));
  if (args.status != Status::ok) return args.status;
  if ((batch_a != 1 && batch_a != batch) || (batch_b != 1 && batch_b != batch)) return Status::wrong_arguments;
  if (batch == 0 || M == 0 || N == 0) return Status::ok;
  const long panels = ceil_div(N, panel);
  float* packed = scratch(0, max(1, panels * L * panel));
  if (packed == nullptr) return Status::out_of_memory;
  const long zero = 0;
  for (long i = 0; i < batch; i++) {
    if (i == 0 || batch_b > 1)
      pack(b + (batch_b > 1 ? i * L * N : 0), L, N, transpose_b ? 1 : N, transpose_b ? L : 1, packed, L * panel, 0);
    const float* from = a + (batch_a > 1 ? i * M * L : 0);
    parallel(ceil_div(M, matmul_rows), [&](long task) {
      const long m = task * matmul_rows, rows = min(matmul_rows, M - m);
      for (long k = 0; k < panels; k++) {
        TileArgs<float> t;
        t.a = from + m * (transpose_a ? 1 : L);
        t.a_row = transpose_a ? 1 : L, t.a_group = 0;
        t.a_step = transpose_a ? M : 1;
        t.a_offset = &zero;
        t.b = packed + k * L * panel;
        t.b_step = panel;
        t.b_segment = 0;
        t.segments = 1;
        t.length = L;
        t.y = c + (i * M + m) * N + k * panel;
        t.y_row = N, t.y_group = 0;
        t.columns = min(panel, N - k * panel);
        t.accumulate = false;
        tile_rows_of(t, rows);
      }
    });
  }
  return Status::ok;
}
