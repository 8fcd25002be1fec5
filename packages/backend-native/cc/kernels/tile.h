// The one inner loop of convolution, its gradients and matrix products: a tile of R x 2 vectors of sums in registers.
//
//   y[r][0 .. 2*width) (+)= sum over segments s, j < length of  a[a_offset[s] + j*a_step + r*a_row] * b_s[j][0 .. 2*width)
//
// For each j it loads two vectors of b and R single values of a, and does 2R multiply-adds:
//
//   a: r=0  .  .  x  .        b: |  b0  |  b1  |       x is spread over a vector and multiplied with both
//      r=1  .  .  x  .
//        ...    j ->

constexpr int panel = 2 * width;  // columns of a tile

struct TileArgs {
  const float* a;
  long a_row, a_step;
  const long* a_offset;  // of each segment
  const float* b;
  long b_step, b_segment;  // from j to j + 1, and from a segment to the next
  long segments, length;
  float* y;
  long y_row;
  long columns;     // at most `panel`; fewer are stored when a panel hangs over the edge
  bool accumulate;  // adds to y, which then has whole panels
};

template <int R>
void tile(const TileArgs& t) {
  Vector sum[R][2];
  if (t.accumulate) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      sum[r][0] = load(t.y + r * t.y_row);
      sum[r][1] = load(t.y + r * t.y_row + width);
    }
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = Vector{};
  }
  const long a_row = t.a_row, a_step = t.a_step, b_step = t.b_step, length = t.length;
  for (long s = 0; s < t.segments; s++) {
    const float* a = t.a + t.a_offset[s];
    const float* b = t.b + s * t.b_segment;
    for (long j = 0; j < length; j++) {
      const Vector b0 = load(b), b1 = load(b + width);
      b += b_step;
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const Vector x = splat(a[r * a_row]);
        sum[r][0] = fma(x, b0, sum[r][0]);
        sum[r][1] = fma(x, b1, sum[r][1]);
      }
      a += a_step;
    }
  }
  if (t.columns == panel) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      store(t.y + r * t.y_row, sum[r][0]);
      store(t.y + r * t.y_row + width, sum[r][1]);
    }
  } else {
    float row[panel];
    for (int r = 0; r < R; r++) {
      store(row, sum[r][0]);
      store(row + width, sum[r][1]);
      memcpy(t.y + r * t.y_row, row, t.columns * sizeof(float));
    }
  }
}

typedef void (*Tile)(const TileArgs&);

constexpr Tile tiles[] = {
    nullptr, tile<1>, tile<2>, tile<3>, tile<4>, tile<5>, tile<6>,
#if defined(__AVX512F__) || defined(__ARM_NEON)
    tile<7>, tile<8>, tile<9>, tile<10>, tile<11>, tile<12>, tile<13>, tile<14>,
#endif
};

// Covers `rows` rows with tiles of nearly equal height: 16 rows are 8 + 8, not 14 + 2.
inline void tile_rows_of(TileArgs t, long rows) {
  long count = ceil_div(rows, tile_rows);
  for (long i = 0, from = 0; i < count; i++) {
    long to = rows * (i + 1) / count;
    tiles[to - from](t);
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
    for (long i = 0; i < rows; i++, p += panel) {
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
