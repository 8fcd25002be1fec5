// The one inner loop of convolution, its gradients and matrix products: a tile of R x 2 vectors of sums in registers.
//
//   y[r][0 .. 2*width) (+)= sum over segments s, j < length of  a[a_offset[s] + j*a_step + r*a_row] * b_s[j][0 .. 2*width)
//
// For each j it loads two vectors of b and R single values of a, and does 2R multiply-adds:
//
//   a: r=0  .  .  x  .        b: |  b0  |  b1  |       x is spread over a vector and multiplied with both
//      r=1  .  .  x  .
//        ...    j ->
//
// A tile may have two groups of R rows, `a_group` and `y_group` apart: images too narrow for a tall tile then fill one
// with two of their rows.
//
// An element of a and b is a float, or, where the processor multiplies them, a pair of neighbouring values along j in
// bfloat16, half the memory and twice the products an instruction; sums are float32 either way.
#pragma once
#include "arguments.h"
#include "finite.h"
#include "transpose.h"

constexpr int panel = 2 * width;  // columns of a tile

// Values in an element.
template <class E>
constexpr long values_in = 1;

inline Vector add_product(Vector sum, Vector a, Vector b, float) { return fma(a, b, sum); }

// Writes `width` values to elements.
inline void store_values(float* to, Vector v) { store(to, v); }

#ifdef SEW_PAIRS
template <>
constexpr long values_in<Pair> = 2;

inline Vector add_product(Vector sum, Vector a, Vector b, Pair) { return add_pairs(sum, a, b); }

inline Vector load(const Pair* p) { return load(reinterpret_cast<const float*>(p)); }
inline Vector splat(Pair p) {
  float bits;
  memcpy(&bits, &p, sizeof bits);
  return splat(bits);
}
#endif

template <class E>
struct TileArgs {
  const E* a;
  long a_row, a_group, a_step;
  const long* a_offset;  // of each segment
  const E* b;
  long b_step, b_segment;  // from j to j + 1, and from a segment to the next
  long segments, length;
  float* y;
  long y_row, y_group;
  long columns;     // at most `panel`; fewer are stored when a panel hangs over the edge
  bool accumulate;  // adds to y, which then has whole panels
  bool streamed = false;  // writes whole panels past the caches
};

template <int R, int Groups, class E>
void tile(const TileArgs<E>& t) {
  // The stores are about a thousand cycles away: prefetch what they overwrite.
  for (int r = 0; r < R * Groups && !t.streamed; r++)
    for (int c = 0; c < panel; c += 16) __builtin_prefetch(t.y + r / R * t.y_group + r % R * t.y_row + c, 1);
  Vector sum[R * Groups][2];
  if (t.accumulate) {
#pragma GCC unroll 16
    for (int r = 0; r < R * Groups; r++) {
      const float* y = t.y + r / R * t.y_group + r % R * t.y_row;
      sum[r][0] = load(y);
      sum[r][1] = load(y + width);
    }
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < R * Groups; r++) sum[r][0] = sum[r][1] = Vector{};
  }
  const long a_row = t.a_row, a_group = t.a_group, a_step = t.a_step, b_step = t.b_step, length = t.length;
  for (long s = 0; s < t.segments; s++) {
    const E* a = t.a + t.a_offset[s];
    const E* b = t.b + s * t.b_segment;
    for (long j = 0; j < length; j++) {
      const Vector b0 = load(b), b1 = load(b + width);
      b += b_step;
#pragma GCC unroll 16
      for (int r = 0; r < R * Groups; r++) {
        const Vector x = splat(a[r / R * a_group + r % R * a_row]);
        sum[r][0] = add_product(sum[r][0], x, b0, E());
        sum[r][1] = add_product(sum[r][1], x, b1, E());
      }
      a += a_step;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R * Groups; r++) {
    float* y = t.y + r / R * t.y_group + r % R * t.y_row;
    if (t.streamed && t.columns == panel) {
      stream(y, sum[r][0]);
      stream(y + width, sum[r][1]);
    } else if (t.columns == panel) {
      store(y, sum[r][0]);
      store(y + width, sum[r][1]);
    } else {
      float row[panel];
      store(row, sum[r][0]);
      store(row + width, sum[r][1]);
      memcpy(y, row, t.columns * sizeof(float));
    }
  }
}

template <class E>
using Tile = void (*)(const TileArgs<E>&);

// By rows of a group, for one group and for two.
template <class E>
constexpr Tile<E> tiles[] = {
    nullptr,       tile<1, 1, E>, tile<2, 1, E>,  tile<3, 1, E>,  tile<4, 1, E>,  tile<5, 1, E>,  tile<6, 1, E>,
#if defined(__AVX512F__) || defined(__ARM_NEON)
    tile<7, 1, E>, tile<8, 1, E>, tile<9, 1, E>, tile<10, 1, E>, tile<11, 1, E>, tile<12, 1, E>, tile<13, 1, E>,
    tile<14, 1, E>,
#endif
};
template <class E>
constexpr Tile<E> double_tiles[] = {
    nullptr,       tile<1, 2, E>, tile<2, 2, E>, tile<3, 2, E>,
#if defined(__AVX512F__) || defined(__ARM_NEON)
    tile<4, 2, E>, tile<5, 2, E>, tile<6, 2, E>, tile<7, 2, E>,
#endif
};

// Memory that is read next. A part is prefetched before each tile, and arrives while the tile computes.
struct Ahead {
  const void* from;
  long bytes;
};

inline void fetch(const Ahead& ahead, long part, long parts) {
  const long from = ahead.bytes * part / parts, to = ahead.bytes * (part + 1) / parts;
  for (long i = from; i < to; i += 64) __builtin_prefetch(static_cast<const char*>(ahead.from) + i, 0, 2);
}

// Covers `rows` rows with tiles of nearly equal height: 16 rows are 8 + 8, not 14 + 2.
template <class E>
inline void tile_rows_of(TileArgs<E> t, long rows, const Ahead& ahead = {nullptr, 0}) {
  long count = ceil_div(rows, tile_rows);
  for (long i = 0, from = 0; i < count; i++) {
    long to = rows * (i + 1) / count;
    fetch(ahead, i, count);
    tiles<E>[to - from](t);
    t.a += (to - from) * t.a_row;
    t.y += (to - from) * t.y_row;
    from = to;
  }
}

// Packs a matrix b[i][k] = src[i*row + k*column] (i < rows, k < columns) into panels [column panel][i][panel], zeros at
// the edge. `to` has ceil(columns/panel) * panel_stride floats; a call fills `rows` rows of each panel from row `at`.
inline void pack(const float* src, long rows, long columns, long row, long column, float* to, long panel_stride, long at) {
  for (long k0 = 0; k0 < columns; k0 += panel) {
    long n = min(panel, columns - k0);
    float* p = to + (k0 / panel) * panel_stride + at * panel;
    long i = 0;
    if (row == 1 && n == panel) {
      for (; i + width <= rows; i += width, p += width * panel)
        for (long k = 0; k < panel; k += width) transpose(src + i + (k0 + k) * column, column, p + k, panel);
    }
    for (; i < rows; i++, p += panel) {
      const float* s = src + i * row + k0 * column;
      if (column == 1) {
        memcpy(p, s, n * sizeof(float));
      } else {
        for (long k = 0; k < n; k++) p[k] = s[k * column];
      }
      for (long k = n; k < panel; k++) p[k] = 0;
    }
  }
}

// The same with the panels divided among threads; returns whether all numbers are finite. Must not be called inside a task.
inline bool pack_parallel(const float* src, long rows, long columns, long row, long column, float* to, long panel_stride,
                          long at) {
  Outcome outcome;
  parallel(ceil_div(columns, panel), [&](long p) {
    const Step step("packing of the filter");
    float* packed = to + p * panel_stride;
    pack(src + p * panel * column, rows, min(panel, columns - p * panel), row, column, packed, 0, at);
    outcome.check(all_finite(packed + at * panel, rows * panel));
  });
  return !outcome.not_finite;
}

#ifdef SEW_PAIRS
// Packed rows, two at a time, as one row of pairs; their number is even.
inline void pair_rows(const float* packed, long rows, Pair* to) {
  constexpr long some = 512;
  parallel(ceil_div(rows / 2, some), [&](long task) {
    const Step step("packing of the filter");
    for (long i = task * some; i < min(rows / 2, (task + 1) * some); i++)
      for (long k = 0; k < panel; k += width)
        store_pairs(to + i * panel + k, load(packed + 2 * i * panel + k), load(packed + (2 * i + 1) * panel + k));
  });
}
#endif
