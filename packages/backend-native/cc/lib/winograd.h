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
#pragma once
#include "convShape.h"
#include "finite.h"
#include "images.h"
#include "tile.h"
#include "transpose.h"
#include "vectors.h"

constexpr long tile_points = 16;

// A tile's images are prefetched so many tiles before it.
constexpr long tiles_ahead = 8;

// Most blocks of tiles in a task of a convolution: while it computes one it prefetches the inputs of the next.
constexpr long most_blocks = 8;

// Most floats in the partial sums of all chunks together: about the size of the caches.
constexpr long partial_floats = 2L << 20;
// Most chunks with sums of their own.
constexpr long most_chunks = 32;

// One convolution; C and K are multiples of `width`.
struct WinogradConv {
  long N, IH, IW, C, OH, OW, K, pt, pl;
  long down() const { return ceil_div(OH, 2); }
  long across() const { return ceil_div(OW, 2); }
  long tiles() const { return N * down() * across(); }
  size_t filter_floats() const { return ceil_div(K, panel) * tile_points * C * panel; }
};

// Why a convolution has no Winograd tiles; null where it has.
inline const char* winograd_refusal(const ConvShape& s) {
  if (s.KH != 3 || s.KW != 3) return "only 3x3 filters have Winograd tiles, with fewer products";
  if (s.sh != 1 || s.sw != 1) return "only stride 1 has Winograd tiles, with fewer products";
  if (s.dh != 1 || s.dw != 1) return "a dilated filter has no Winograd tiles; use dilation 1";
  if (s.C % width != 0 || s.K % width != 0)
    return width == 16 ? "only channels in multiples of 16 have Winograd tiles, in and out"
         : width == 8 ? "only channels in multiples of 8 have Winograd tiles, in and out"
                      : "only channels in multiples of 4 have Winograd tiles, in and out";
  return nullptr;
}

inline bool winograd_fits(const ConvShape& s) { return winograd_refusal(s) == nullptr; }

// What winograd_convolve and winograd_filter_grad_in are called in a trace, and their products.
template <class E>
constexpr const char* winograd_path = values_in<E> == 2 ? "Winograd tiles in bfloat16" : "Winograd tiles";
inline double winograd_products(const WinogradConv& g) {
  return static_cast<double>(tile_points) * static_cast<double>(g.tiles() * g.C) * static_cast<double>(g.K);
}

// Writes the points of a tile's filter, of one channel or of the two that form pairs.
inline void store_points(const Vector (*points)[tile_points], float* to, long stride) {
  for (long p = 0; p < tile_points; p++) store(to + p * stride, points[0][p]);
}

#ifdef SEW_PAIRS
inline void store_points(const Vector (*points)[tile_points], Pair* to, long stride) {
  for (long p = 0; p < tile_points; p++) store_pairs(to + p * stride, points[0][p], points[1][p]);
}
#endif

// w [3][3][C][K] -> [panel of K][point][C][panel], zeros past K. For the input's gradient, `turned`, w is [3][3][K][C], and
// the filter turned by 180 degrees. Returns whether all weights are finite.
template <class E>
inline bool winograd_filter(const float* w, long C, long K, bool turned, E* to) {
  constexpr long together = values_in<E>;
  constexpr long some = width;  // channels of a task
  const long chunks = C / some;
  const Vector half = splat(0.5f);
  Outcome outcome;
  parallel(ceil_div(K, panel) * chunks, [&](long task) {
    const Step step("transforms of the filter");
    Vector marks = {};
    const long k0 = task / chunks * panel, from = task % chunks * some;
    const long end = min(K, k0 + panel);
    float part[9][some][panel];  // of the turned filter, with K as the last axis
    for (long tap = 0; turned && tap < 9; tap++)
      for (long k = k0; k < end; k += width)
        transpose(w + ((8 - tap) * K + k) * C + from, C, part[tap][0] + k - k0, panel);
    const auto weights = [&](long tap, long c, long k) {
      if (k >= end) return Vector{};
      return load(turned ? part[tap][c - from] + k - k0 : w + (tap * C + c) * K + k);
    };
    for (long c = from; c < from + some; c += together)
      for (long k = k0; k < k0 + panel; k += width) {
        Vector points[together][tile_points];
        for (long of = 0; of < together; of++) {
          Vector g[3][3], rows[4][3];
          for (long i = 0; i < 3; i++)
            for (long j = 0; j < 3; j++) g[i][j] = weights(3 * i + j, c + of, k);
          for (long j = 0; j < 3; j++) {
            rows[0][j] = g[0][j];
            rows[1][j] = half * (g[0][j] + g[1][j] + g[2][j]);
            rows[2][j] = half * (g[0][j] - g[1][j] + g[2][j]);
            rows[3][j] = g[2][j];
          }
          // The sum of all nine weights.
          marks = mark(marks, rows[1][0] + rows[1][1] + rows[1][2]);
          for (long i = 0; i < 4; i++) {
            const Vector* r = rows[i];
            Vector* out = points[of] + 4 * i;
            out[0] = r[0], out[3] = r[2];
            out[1] = half * (r[0] + r[1] + r[2]), out[2] = half * (r[0] - r[1] + r[2]);
          }
        }
        store_points(points, to + (k0 / panel * tile_points * C + c) / together * panel + (k - k0), C / together * panel);
      }
    outcome.check(is_finite(marks));
  });
  return !outcome.not_finite;
}

// The points Bᵀ d B of a tile: input(j) is what one of its 4x4 inputs has in some channels.
template <class V, class F>
inline void winograd_input(const F& input, V* points) {
  V rows[4][4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const V d0 = input(j), d1 = input(4 + j), d2 = input(8 + j), d3 = input(12 + j);
    rows[0][j] = d0 - d2;
    rows[1][j] = d1 + d2;
    rows[2][j] = d2 - d1;
    rows[3][j] = d1 - d3;
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const V* r = rows[i];
    points[4 * i] = r[0] - r[2];
    points[4 * i + 1] = r[1] + r[2];
    points[4 * i + 2] = r[2] - r[1];
    points[4 * i + 3] = r[1] - r[3];
  }
}

// Whether images of T hold spikes or counts of them.
template <class T>
constexpr bool holds_spikes = true;
template <>
constexpr bool holds_spikes<float> = false;

#ifdef SEW_PAIRS
// Spikes add up to the same points in 16 bits, of twice as many channels.
template <class T>
inline void spike_points(const T* const* pixels, long c, Shorts* points) {
  winograd_input([&](int j) { return shorts_at(pixels[j], c); }, points);
  for (long p = 0; p < tile_points; p++) points[p] = bfloat16_of(points[p], pixels[0]);
}
#endif

// The points of a tile with these inputs, as elements of C channels.
template <class E, class T>
inline void transform_tile(const T* const* pixels, long C, E* to, long stride) {
  if constexpr (!holds_spikes<T>) {
    // The two columns that a tile adds to those of the one before it.
    for (long j = 2; j < tile_points; j += 4)
      for (long c = 0; c < 2 * C; c += 16) __builtin_prefetch(pixels[j] + 2 * tiles_ahead * C + c, 0, 2);
  }
#ifdef SEW_PAIRS
  if constexpr (values_in<E> > 1 && holds_spikes<T>) {
    for (long c = 0; C % shorts == 0 && c < C; c += shorts) {
      Shorts points[tile_points];
      spike_points(pixels, c, points);
      for (long p = 0; p < tile_points; p++) store_values(to + c / values_in<E> + p * stride, points[p]);
    }
    if (C % shorts == 0) return;
  }
#endif
  for (long c = 0; c < C; c += width) {
    Vector points[tile_points];
    winograd_input([&](int j) { return channels_at(pixels[j], c); }, points);
    for (long p = 0; p < tile_points; p++) store_values(to + c / values_in<E> + p * stride, points[p]);
  }
}

// The same of one tile, or of the two that form pairs, where there are two; else the second has points of 0.
template <class T>
inline void transform_tiles(const T* (*pixels)[tile_points], long, long C, float* to, long stride) {
  transform_tile(*pixels, C, to, stride);
}

#ifdef SEW_PAIRS
template <class T>
inline void transform_tiles(const T* (*pixels)[tile_points], long tiles, long C, Pair* to, long stride) {
  const auto transform = [&](auto* first, auto* second, long channels, const auto& points_of) {
    for (long c = 0; c < C; c += channels) {
      points_of(pixels[0], c, first);
      if (tiles > 1) points_of(pixels[1], c, second);
      for (long p = 0; p < tile_points; p++) store_pairs(to + c + p * stride, first[p], second[p]);
    }
  };
  if constexpr (holds_spikes<T>) {
    Shorts first[tile_points], second[tile_points] = {};
    if (C % shorts == 0)
      return transform(first, second, shorts, [](const auto* from, long c, Shorts* points) { spike_points(from, c, points); });
  }
  Vector first[tile_points], second[tile_points] = {};
  transform(first, second, width, [](const auto* from, long c, Vector* points) {
    winograd_input([&](int j) { return channels_at(from[j], c); }, points);
  });
}
#endif

// Aᵀ m A of a tile, for n <= panel channels: point p is at m + p * stride. The `rows` x `columns` outputs that the image
// has, 2x2 but at its edge, go to y, past the caches where `streamed`. Marks those that are not finite.
inline Vector winograd_output(const float* m, long stride, long n, long rows, long columns, float* y, long y_row, long K,
                              bool streamed, Vector marks) {
  const auto write = [streamed](float* to, Vector v) { streamed ? stream(to, v) : store(to, v); };
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
      const Vector left = h[0] + h[1] + h[2];
      write(y + i * y_row + k, left);
      marks = mark(marks, left);
      if (columns < 2) continue;
      const Vector right = h[1] - h[2] - h[3];
      write(y + i * y_row + K + k, right);
      marks = mark(marks, right);
    }
  }
  return marks;
}

// The 4x4 inputs of tile t. Those outside the image are `zeros`.
template <class T>
inline void winograd_pixels(const WinogradConv& g, const T* x, long t, const T* zeros, const T** pixels) {
  const long per_image = g.down() * g.across(), inside = t % per_image, pixel = g.C / channels_in<T>;
  const T* image = x + t / per_image * g.IH * g.IW * pixel;
  const long top = inside / g.across() * 2 - g.pt, left = inside % g.across() * 2 - g.pl;
  for (long i = 0; i < 4; i++)
    for (long j = 0; j < 4; j++) {
      const long row = top + i, column = left + j;
      const bool there = row >= 0 && row < g.IH && column >= 0 && column < g.IW;
      pixels[4 * i + j] = there ? image + (row * g.IW + column) * pixel : zeros;
    }
}

// Most floats in the transformed inputs of a task's tiles, which should stay in the L2 cache. Each value of the filter is
// read once for all of them. No result depends on the number of tiles in a task.
constexpr long winograd_block_floats = 224 * 1024;

// Prefetches the inputs that tile t adds to those of its neighbours before it.
template <class T>
inline void winograd_fetch(const WinogradConv& g, const T* x, long t) {
  const long per_image = g.down() * g.across(), inside = t % per_image, pixel = g.C / channels_in<T>;
  const long top = inside / g.across() * 2 - g.pt + 2, left = inside % g.across() * 2 - g.pl + 2;
  const T* image = x + t / per_image * g.IH * g.IW * pixel;
  const long bytes = min(2, g.IW - left) * pixel * static_cast<long>(sizeof(T));
  for (long row = max(0, top); row < min(top + 2, g.IH); row++) {
    const char* at = reinterpret_cast<const char*>(image + (row * g.IW + left) * pixel);
    for (long i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
  }
}

template <class E>
inline long winograd_block(const WinogradConv& g) {
  const long fitting = winograd_block_floats * values_in<E> / (tile_points * g.C) / tile_rows * tile_rows;
  const long block = max(tile_rows, min(4 * tile_rows, fitting));
  const long tasks = ceil_div(ceil_div(g.tiles(), block), thread_count()) * thread_count();
  return ceil_div(g.tiles(), tasks);
}

// `filter` as winograd_filter makes it, or pairs of its rows.
template <class E, class T>
inline Status winograd_convolve(const WinogradConv& g, const T* x, const E* filter, float* y) {
  const long total = g.tiles(), block = winograd_block<E>(g), elements = g.C / values_in<E>;
  const long per_image = g.down() * g.across();
  took(winograd_path<E>, winograd_products(g));
  const bool streamed = is_streamed(y, g.N * g.OH * g.OW * g.K, g.K);
  Outcome outcome;
  const long blocks = ceil_div(total, block), strip = max(1, min(most_blocks, blocks / (4L * thread_count())));
  parallel(ceil_div(blocks, strip), [&](long task) {
    float* zeros = scratch(1, g.C + tile_points * block * (g.C + panel));
    if (zeros == nullptr) return outcome.lacks_memory();
    Vector marks = {};
    memset(zeros, 0, g.C * sizeof(float));
    float* products = zeros + g.C;                                                         // [point][tile][panel]
    E* inputs = reinterpret_cast<E*>(products + tile_points * block * panel);  // [point][tile][C]
    for (long from = task * strip * block, end = min(total, from + strip * block); from < end; from += block) {
      const long count = min(block, end - from);
      {
        const Step step("transforms of inputs");
        for (long t = 0; t < count; t++) {
          const T* pixels[tile_points];
          winograd_pixels(g, x, from + t, reinterpret_cast<const T*>(zeros), pixels);
          transform_tile(pixels, g.C, inputs + t * elements, block * elements);
        }
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
          const long next = k == 0 ? min(block, end - from - count) : 0;
          for (long t = next * p / tile_points; t < next * (p + 1) / tile_points; t++) winograd_fetch(g, x, from + count + t);
          tile_rows_of(a, count);
        }
        const Step step("transforms of outputs");
        for (long t = 0; t < count; t++) {
          const long n = (from + t) / per_image, inside = (from + t) % per_image;
          const long row = inside / g.across() * 2, column = inside % g.across() * 2;
          marks = winograd_output(products + t * panel, block * panel, min(panel, g.K - k), min(2, g.OH - row),
                                  g.OW - column, y + ((n * g.OH + row) * g.OW + column) * g.K + k, g.OW * g.K, g.K,
                                  streamed, marks);
        }
      }
    }
    if (streamed) stream_fence();
    // An infinite input reaches all outputs of its tile, of which some do not see it.
    outcome.check(is_finite(marks));
  });
  return outcome.status();
}

template <class E, class T>
inline Status winograd_in(const WinogradConv& g, const T* x, const float* w, bool turned, float* y) {
  E* filter = reinterpret_cast<E*>(scratch(0, g.filter_floats() / values_in<E>));
  if (filter == nullptr) return Status::out_of_memory;
  return winograd_filter(w, g.C, g.K, turned, filter) ? winograd_convolve(g, x, filter, y) : Status::not_finite;
}

// w [3][3][C][K] as winograd_filter takes it.
template <class T>
inline Status winograd(const WinogradConv& g, bool bf16, const T* x, const float* w, bool turned, float* y) {
#ifdef SEW_PAIRS
  if (bf16 && pairs_supported()) return winograd_in<Pair>(g, x, w, turned, y);
#endif
  (void)bf16;
  return winograd_in<float>(g, x, w, turned, y);
}

// The gradient with respect to the filter reverses each step above: with the points V = Bᵀ d B of the inputs and
// Z = A dy Aᵀ of the output gradient,
//
//   dU = sum over tiles of V . Z, [C][tiles] by [tiles][K] at each point,    dg = Gᵀ dU G.
//
// The tiles are divided into chunks with sums of their own. The number of chunks depends on the shape alone.

// The points of Z of tile t, `width` channels from k on.
inline void winograd_gradient(const WinogradConv& g, const float* dy, long t, long k, Vector* points) {
  const long per_image = g.down() * g.across(), inside = t % per_image;
  const long row = inside / g.across() * 2, column = inside % g.across() * 2;
  const float* at = dy + ((t / per_image * g.OH + row) * g.OW + column) * g.K + k;
  const bool right = column + 1 < g.OW, below = row + 1 < g.OH;
  for (long i = 0; i < 4; i++) __builtin_prefetch(at + (i / 2 * g.OW + i % 2 + 2 * tiles_ahead) * g.K);
  const Vector a = load(at), b = right ? load(at + g.K) : Vector{};
  const Vector c = below ? load(at + g.OW * g.K) : Vector{};
  const Vector d = right && below ? load(at + (g.OW + 1) * g.K) : Vector{};
  const Vector rows[4][2] = {{a, b}, {a + c, b + d}, {a - c, b - d}, {-c, -d}};
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    points[4 * i] = rows[i][0];
    points[4 * i + 1] = rows[i][0] + rows[i][1];
    points[4 * i + 2] = rows[i][0] - rows[i][1];
    points[4 * i + 3] = -rows[i][1];
  }
}

// Calls points_of(tile, points) for one tile, or for the two that form pairs. A missing tile contributes 0.
template <class F>
inline void store_tiles(long t, long count, const F& points_of, float* to, long stride) {
  Vector points[tile_points];
  (void)count;
  points_of(t, points);
  for (long p = 0; p < tile_points; p++) store(to + p * stride, points[p]);
}

#ifdef SEW_PAIRS
template <class F>
inline void store_tiles(long t, long count, const F& points_of, Pair* to, long stride) {
  Vector first[tile_points], second[tile_points] = {};
  points_of(t, first);
  if (t + 1 < count) points_of(t + 1, second);
  for (long p = 0; p < tile_points; p++) store_pairs(to + p * stride, first[p], second[p]);
}
#endif

// dg = Gᵀ dU G of all chunks' sums, [chunk][point][panel of K][C][panel], added in order. -> dw [3][3][C][K]
// Returns whether all are finite.
inline bool winograd_filter_sums(const WinogradConv& g, const float* sums, long chunks, float* dw) {
  const long point = ceil_div(g.K, panel) * g.C * panel;
  const Vector half = splat(0.5f);
  Outcome outcome;
  parallel(g.C, [&](long c) {
    const Step step("sums of all chunks");
    Vector marks = {};
    for (long k = 0; k < g.K; k += width) {
      const float* at = sums + (k / panel * g.C + c) * panel + k % panel;
      Vector u[4][4], rows[3][4];
      for (long p = 0; p < tile_points; p++) {
        Vector sum = load(at + p * point);
        for (long i = 1; i < chunks; i++) sum += load(at + (i * tile_points + p) * point);
        u[p / 4][p % 4] = sum;
      }
      for (long j = 0; j < 4; j++) {
        rows[0][j] = u[0][j] + half * (u[1][j] + u[2][j]);
        rows[1][j] = half * (u[1][j] - u[2][j]);
        rows[2][j] = half * (u[1][j] + u[2][j]) + u[3][j];
      }
      for (long i = 0; i < 3; i++) {
        const Vector* r = rows[i];
        float* to = dw + (3 * i * g.C + c) * g.K + k;
        const Vector row[] = {r[0] + half * (r[1] + r[2]), half * (r[1] - r[2]), half * (r[1] + r[2]) + r[3]};
        for (long j = 0; j < 3; j++) {
          store(to + j * g.C * g.K, row[j]);
          marks = mark(marks, row[j]);
        }
      }
    }
    outcome.check(is_finite(marks));
  });
  return !outcome.not_finite;
}

template <class E, class T>
inline Status winograd_filter_grad_in(const WinogradConv& g, const T* x, const float* dy, float* dw) {
  const long total = g.tiles(), panels = ceil_div(g.K, panel), size = tile_points * panels * g.C * panel;
  const long chunks = max(1, min(min(most_chunks, partial_floats / size), total / (4 * tile_rows)));
  const long chunk = ceil_div(total, chunks);
  // Few chunks would leave threads idle: then panels of output channels are divided among them, too.
  const long groups = min(panels, ceil_div(4L * thread_count(), chunks));
  const long fitting = winograd_block_floats / (tile_points * g.C) / 2 * 2;
  const long block = max(tile_rows, min(4 * tile_rows, fitting)), elements = block / values_in<E>;
  float* sums = scratch(0, chunks * size);
  if (sums == nullptr) return Status::out_of_memory;
  took(winograd_path<E>, winograd_products(g));
  bool failed = false;
  parallel(chunks * groups, [&](long task) {
    const long part = task / groups, group = task % groups;
    const long k0 = panels * group / groups, k1 = panels * (group + 1) / groups;
    float* zeros = scratch(1, g.C + tile_points * block * (g.C + panel));
    if (zeros == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    memset(zeros, 0, g.C * sizeof(float));
    E* gradients = reinterpret_cast<E*>(zeros + g.C);        // [point][tile][panel]
    E* inputs = gradients + tile_points * elements * panel;  // [point][tile][C]
    float* mine = sums + part * size;
    for (long p = 0; p < tile_points; p++)
      memset(mine + (p * panels + k0) * g.C * panel, 0, (k1 - k0) * g.C * panel * sizeof(float));
    const long start = 0;
    for (long from = part * chunk; from < min(total, (part + 1) * chunk); from += block) {
      const long count = min(block, min(total, (part + 1) * chunk) - from);
      {
        const Step step("transforms of inputs");
        for (long t = 0; t < count; t += values_in<E>) {
          const T* pixels[values_in<E>][tile_points];
          for (long i = 0; i < min(values_in<E>, count - t); i++)
            winograd_pixels(g, x, from + t + i, reinterpret_cast<const T*>(zeros), pixels[i]);
          transform_tiles(pixels, min(values_in<E>, count - t), g.C, inputs + t / values_in<E> * g.C, elements * g.C);
        }
      }
      for (long k = k0; k < k1; k++) {
        {
          const Step step("transforms of the output gradient");
          for (long t = 0; t < count; t += values_in<E>)
            for (long lane = 0; lane < panel; lane += width)
              store_tiles(
                  t, count,
                  [&](long tile, Vector* points) {
                    if (k * panel + lane < g.K) return winograd_gradient(g, dy, from + tile, k * panel + lane, points);
                    for (long p = 0; p < tile_points; p++) points[p] = Vector{};
                  },
                  gradients + t / values_in<E> * panel + lane, elements * panel);
        }
        for (long p = 0; p < tile_points; p++) {
          TileArgs<E> a;
          a.a = inputs + p * elements * g.C;
          a.a_row = 1, a.a_group = 0, a.a_step = g.C, a.a_offset = &start;
          a.b = gradients + p * elements * panel;
          a.b_step = panel, a.b_segment = 0;
          a.segments = 1, a.length = ceil_div(count, values_in<E>);
          a.y = mine + (p * panels + k) * g.C * panel;
          a.y_row = panel, a.y_group = 0;
          a.columns = panel;
          a.accumulate = true;
          tile_rows_of(a, g.C);
        }
      }
    }
  });
  if (failed) return Status::out_of_memory;
  return winograd_filter_sums(g, sums, chunks, dw) ? Status::ok : Status::not_finite;
}

template <class T>
inline Status winograd_filter_grad(const WinogradConv& g, bool bf16, const T* x, const float* dy, float* dw) {
#ifdef SEW_PAIRS
  if (bf16 && pairs_supported()) return winograd_filter_grad_in<Pair>(g, x, dy, dw);
#endif
  (void)bf16;
  return winograd_filter_grad_in<float>(g, x, dy, dw);
}
