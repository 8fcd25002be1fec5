// Transposition of matrices, a square of width x width numbers in registers at a time.
#pragma once

// One step: rows that are D apart swap their columns that are D apart.
template <int D>
inline void swap_columns(Vector (&v)[width]) {
  IntVector low, high;  // indices into two rows, one after the other
  for (int j = 0; j < width; j++) {
    low[j] = (j & D) != 0 ? width + j - D : j;
    high[j] = (j & D) != 0 ? width + j : j + D;
  }
#pragma GCC unroll 16
  for (int i = 0; i < width; i++) {
    if ((i & D) != 0) continue;
    const Vector a = v[i], b = v[i + D];
    v[i] = pick(a, b, low);
    v[i + D] = pick(a, b, high);
  }
}

// to[j * to_row + i] = from[i * from_row + j], i and j < width
inline void transpose(const float* from, long from_row, float* to, long to_row) {
  Vector v[width];
#pragma GCC unroll 16
  for (int i = 0; i < width; i++) v[i] = load(from + i * from_row);
  swap_columns<1>(v);
  swap_columns<2>(v);
  if constexpr (width > 4) swap_columns<4>(v);
  if constexpr (width > 8) swap_columns<8>(v);
#pragma GCC unroll 16
  for (int i = 0; i < width; i++) store(to + i * to_row, v[i]);
}
