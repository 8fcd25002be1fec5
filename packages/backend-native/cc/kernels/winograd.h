// 3x3 convolution at stride 1 with 16 products where its definition has 36: F(2x2, 3x3) of Winograd (1980), as Lavin and
// Gray (2016) lay it out. A tile of 2x2 outputs sees 4x4 inputs d; with the filter g of each pair of channels
//
//   y = Aᵀ [ (G g Gᵀ) . (Bᵀ d B) ] A,    sums over input channels inside the brackets,
//
//        | 1  0 -1  0 |        | 1   0   0  |         | 1  1  1  0 |
//   Bᵀ = | 0  1  1  0 |   G =  | ½   ½   ½  |   Aᵀ =  | 0  1 -1 -1 |
//        | 0 -1  1  0 |        | ½  -½   ½  |
//        | 0  1  0 -1 |        | 0   0   1  |
//
// so that each of the 16 positions is a matrix product, [tiles][C] by [C][K]. The transforms only add and halve: the
// result is as accurate as the definition's sum to a small factor, which larger tiles are not.

constexpr long tile_points = 16;

// One convolution; C and K are multiples of `width`.
struct WinogradConv {
  long N, IH, IW, C, OH, OW, K, pt, pl;
  long down() const { return ceil_div(OH, 2); }
  long across() const { return ceil_div(OW, 2); }
  long tiles() const { return N * down() * across(); }
  size_t filter_floats() const { return ceil_div(K, panel) * tile_points * C * panel; }
};

inline bool winograd_fits(long C, long K, long KH, long KW, long sh, long sw, long dh, long dw) {
  return KH == 3 && KW == 3 && sh == 1 && sw == 1 && dh == 1 && dw == 1 && C % width == 0 && K % width == 0;
}

// w [3][3][C][K] -> [panel of K][point][C][panel], zeros past K. `flipped` turns the filter by 180 degrees.
inline void winograd_filter(const float* w, long C, long K, bool flipped, float* to) {
  constexpr long some = 32;  // channels of a task
  const long chunks = ceil_div(C, some);
  const Vector half = splat(0.5f);
  parallel(ceil_div(K, panel) * chunks, [&](long task) {
    const long k0 = task / chunks * panel, from = task % chunks * some;
    for (long c = from; c < min(C, from + some); c++)
      for (long k = k0; k < k0 + panel; k += width) {
        Vector g[3][3], rows[4][3];
        for (long i = 0; i < 3; i++)
          for (long j = 0; j < 3; j++) {
            const long tap = flipped ? 8 - (3 * i + j) : 3 * i + j;
            g[i][j] = k < K ? load(w + (tap * C + c) * K + k) : Vector{};
          }
        for (long j = 0; j < 3; j++) {
          rows[0][j] = g[0][j];
          rows[1][j] = half * (g[0][j] + g[1][j] + g[2][j]);
          rows[2][j] = half * (g[0][j] - g[1][j] + g[2][j]);
          rows[3][j] = g[2][j];
        }
        float* out = to + (k0 / panel * tile_points * C + c) * panel + (k - k0);
        for (long i = 0; i < 4; i++) {
          const Vector* r = rows[i];
          const Vector points[] = {r[0], half * (r[0] + r[1] + r[2]), half * (r[0] - r[1] + r[2]), r[2]};
          for (const Vector& point : points) {
            store(out, point);
            out += C * panel;
          }
        }
      }
  });
}

// Bᵀ d B of a tile: `pixels` are its 4x4 inputs, C channels each; point p goes to to + p * stride.
template <class E>
inline void winograd_input(const float* const* pixels, long C, E* to, long stride) {
  for (long c = 0; c < C; c += width) {
    Vector rows[4][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const Vector d0 = load(pixels[j] + c), d1 = load(pixels[4 + j] + c);
      const Vector d2 = load(pixels[8 + j] + c), d3 = load(pixels[12 + j] + c);
      rows[0][j] = d0 - d2;
      rows[1][j] = d1 + d2;
      rows[2][j] = d2 - d1;
      rows[3][j] = d1 - d3;
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      const Vector* r = rows[i];
      E* out = to + 4 * i * stride + c / values_in<E>;
      store_values(out, r[0] - r[2]);
      store_values(out + stride, r[1] + r[2]);
      store_values(out + 2 * stride, r[2] - r[1]);
      store_values(out + 3 * stride, r[1] - r[3]);
    }
  }
}

// Aᵀ m A of a tile, for n <= panel channels: point p is at m + p * stride. The `rows` x `columns` outputs that the image
// has, 2x2 but at its edge, go to y.
inline void winograd_output(const float* m, long stride, long n, long rows, long columns, float* y, long y_row, long K) {
  for (long k = 0; k < n; k += width) {
    Vector half[2][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const float* at = m + j * stride + k;
      const Vector m1 = load(at + 4 * stride), m2 = load(at + 8 * stride);
      half[0][j] = load(at) + m1 + m2;
      half[1][j] = m1 - m2 - load(at + 12 * stride);
    }
    for (long i = 0; i < rows; i++) {
      const Vector* h = half[i];
      store(y + i * y_row + k, h[0] + h[1] + h[2]);
      if (columns > 1) store(y + i * y_row + K + k, h[1] - h[2] - h[3]);
    }
  }
}

// The 4x4 inputs of tile number t; those outside the image are `zeros`.
inline void winograd_pixels(const WinogradConv& g, const float* x, long t, const float* zeros, const float** pixels) {
  const long per_image = g.down() * g.across(), inside = t % per_image;
  const float* image = x + t / per_image * g.IH * g.IW * g.C;
  const long top = inside / g.across() * 2 - g.pt, left = inside % g.across() * 2 - g.pl;
  for (long i = 0; i < 4; i++)
    for (long j = 0; j < 4; j++) {
      const long row = top + i, column = left + j;
      const bool there = row >= 0 && row < g.IH && column >= 0 && column < g.IW;
      pixels[4 * i + j] = there ? image + (row * g.IW + column) * g.C : zeros;
    }
}

// Tiles that a task does together: each value of the filter is read once for all of them, and their transformed inputs
// should stay in the second-level cache. The tasks are shared out evenly; no result depends on their size.
inline long winograd_block(const WinogradConv& g) {
  constexpr long most_floats = 224 * 1024;
  const long fitting = most_floats / (tile_points * g.C) / tile_rows * tile_rows;
  const long block = max(tile_rows, min(4 * tile_rows, fitting));
  const long tasks = ceil_div(ceil_div(g.tiles(), block), thread_count()) * thread_count();
  return ceil_div(g.tiles(), tasks);
}

// `filter` as winograd_filter makes it, or pairs of its rows.
template <class E>
inline Status winograd_convolve(const WinogradConv& g, const float* x, const E* filter, float* y) {
  const long total = g.tiles(), block = winograd_block(g), elements = g.C / values_in<E>;
  const long per_image = g.down() * g.across();
  bool failed = false;
  parallel(ceil_div(total, block), [&](long task) {
    const long from = task * block, count = min(block, total - from);
    float* zeros = scratch(1, g.C + tile_points * block * (g.C + panel));
    if (zeros == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    memset(zeros, 0, g.C * sizeof(float));
    float* products = zeros + g.C;                                                         // [point][tile][panel]
    E* inputs = reinterpret_cast<E*>(products + tile_points * block * panel);  // [point][tile][C]
    for (long t = 0; t < count; t++) {
      const float* pixels[tile_points];
      winograd_pixels(g, x, from + t, zeros, pixels);
      winograd_input(pixels, g.C, inputs + t * elements, block * elements);
    }
    const long start = 0;
    for (long k = 0; k < g.K; k += panel) {
      for (long p = 0; p < tile_points; p++) {
        TileArgs<E> a;
        a.a = inputs + p * block * elements;
        a.a_row = elements, a.a_group = 0, a.a_step = 1, a.a_offset = &start;
        a.b = filter + (k / panel * tile_points + p) * elements * panel;
        a.b_step = panel, a.b_segment = 0;
        a.segments = 1, a.length = elements;
        a.y = products + p * block * panel;
        a.y_row = panel, a.y_group = 0;
        a.columns = panel;
        a.accumulate = false;
        tile_rows_of(a, count);
      }
      for (long t = 0; t < count; t++) {
        const long n = (from + t) / per_image, inside = (from + t) % per_image;
        const long row = inside / g.across() * 2, column = inside % g.across() * 2;
        winograd_output(products + t * panel, block * panel, min(panel, g.K - k), min(2, g.OH - row), g.OW - column,
                        y + ((n * g.OH + row) * g.OW + column) * g.K + k, g.OW * g.K, g.K);
      }
    }
  });
  return failed ? Status::out_of_memory : Status::ok;
}

// w [3][3][C][K] as winograd_filter takes it.
inline Status winograd(const WinogradConv& g, bool bf16, const float* x, const float* w, bool flipped, float* y) {
  float* filter = scratch(0, g.filter_floats());
  if (filter == nullptr) return Status::out_of_memory;
  winograd_filter(w, g.C, g.K, flipped, filter);
#ifdef SEW_PAIRS
  if (bf16 && pairs_supported()) {
    Pair* pairs = reinterpret_cast<Pair*>(scratch(3, g.filter_floats() / 2));
    if (pairs == nullptr) return Status::out_of_memory;
    pair_rows(filter, g.filter_floats() / panel, pairs);
    return winograd_convolve(g, x, pairs, y);
  }
#endif
  (void)bf16;
  return winograd_convolve(g, x, filter, y);
}
