// Dense convolution, and its gradient with respect to the input, which is a convolution too.
// Images are NHWC, filters [KH][KW][C][K].
#pragma once
#include "../lib/convShape.h"
#include "../lib/tile.h"
#include "../lib/winograd.h"

// Channels are counted in elements of the type that is multiplied: floats, or pairs of bfloat16.

// One convolution: y[n][m][q] = sum over i, j, c of x[n][m*sh - pt + i*dh][q*sw - pl + j*dw][c] * w[i][j][c]. Output
// (m, q) is stored at row oh0 + m*osh and column ow0 + q*osw of an image of YH x YW pixels.
struct Conv {
  long N, IH, IW, C;
  long OH, OW, K;
  long KH, KW, sh, sw, pt, pl, dh, dw;
  long YH, YW, oh0, osh, ow0, osw;
  // Elements from an image of x to the next, from row to row and from pixel to pixel.
  long x_image, x_row, x_pixel;

  // Elements from a pixel of a padded input row to the next. Where the rows of a tile would lie at the same place of
  // many memory pages, of which the first-level cache holds 8, there is a gap behind each pixel.
  long pitch() const { return sw * C % 512 == 0 ? C + 16 : C; }
  // Pixels and elements of a padded input row.
  long columns() const { return KW == 0 ? 0 : (OW - 1) * sw + (KW - 1) * dw + 1; }
  long row() const { return columns() * pitch(); }
  // Neighbouring taps of a row form one run of KW*C elements when nothing lies between them.
  bool joined() const { return KW <= 1 || (dw == 1 && pitch() == C); }
  long runs() const { return joined() ? KH : KH * KW; }
  long run() const { return joined() ? KW * C : C; }
  // Input rows that one output row sees.
  long reach() const { return KH == 0 ? 0 : (KH - 1) * dh + 1; }
};

// Writes `count` values of an image to elements; to pairs, an even number of them.
inline void copy_values(const float* from, long count, float* to) { memcpy(to, from, count * sizeof(float)); }

template <class T, class E>
inline void copy_values(const T* from, long count, E* to) {
  for_vectors(0, count, [&](long i, long some) {
    const Vector values = channels_at(from, i, some);
    if (some == width) return store_values(to + i / values_in<E>, values);
    E elements[width / values_in<E>];
    store_values(elements, values);
    memcpy(to + i / values_in<E>, elements, some / values_in<E> * sizeof(E));
  });
}

// Copies `rows` rows of an image from row `from` and column -pl on, with zeros outside, so that no tap needs a check.
template <class E, class T>
inline void copy_padded(const Conv& g, const T* image, long from, long rows, E* to) {
  const long width_in = g.columns(), left = max(0, min(g.pl, width_in));
  const long begin = max(0, -g.pl), end = min(g.IW, width_in - g.pl);
  for (long i = from; i < from + rows; i++, to += g.row()) {
    if (i < 0 || i >= g.IH || end <= begin) {
      memset(to, 0, g.row() * sizeof(E));
      continue;
    }
    const long pitch = g.pitch(), channels = g.C * values_in<E>;
    memset(to, 0, left * pitch * sizeof(E));
    const T* from_pixel = image + i * g.x_row + begin * g.x_pixel;
    E* to_pixel = to + left * pitch;
    if (pitch == g.C && g.x_pixel * channels_in<T> == channels)
      copy_values(from_pixel, (end - begin) * channels, to_pixel);
    else
      for (long q = 0; q < end - begin; q++) copy_values(from_pixel + q * g.x_pixel, channels, to_pixel + q * pitch);
    const long filled = left + end - begin;
    memset(to + filled * pitch, 0, (width_in - filled) * pitch * sizeof(E));
  }
}

// Most values in a sum whose result is written past the caches.
constexpr long streamed_taps = 64;

// Floats in the padded input of a task's output rows, which should stay in the L2 cache.
constexpr long band_floats = 48 * 1024;

inline long band_rows(const Conv& g) {
  // Every band reads the whole filter: with a large panel, larger bands read it less often.
  const long floats = g.KH * g.KW * g.C * panel > 2 * band_floats ? 2 * band_floats : band_floats;
  long rows = max(1, floats / max(1, g.row() * g.sh));
  // Whole images when several fit; else an image's rows in equal parts.
  if (rows >= g.OH) return rows / g.OH * g.OH;
  return ceil_div(g.OH, ceil_div(g.OH, rows));
}

// `packed` holds the filter in panels of output channels, KH*KW*C rows each.
template <class E, class T>
inline Status convolve(const Conv& g, const T* x, const E* packed, float* y) {
  const long total = g.N * g.OH, taps = g.KH * g.KW * g.C;
  const long band = min(band_rows(g), max(1, ceil_div(total, 4L * thread_count())));
  // A band may reach over several images; each starts with a halo of its own.
  const long images = ceil_div(band, g.OH) + 1;
  const size_t floats = (band * g.sh + images * (g.reach() + g.sh)) * g.row() + panel;
  constexpr long most_runs = 64 * 64;
  long offsets[most_runs];
  if (g.runs() > most_runs) return Status::wrong_arguments;
  for (long s = 0; s < g.runs(); s++)
    offsets[s] = g.runs() == g.KH ? s * g.dh * g.row() : (s / g.KW) * g.dh * g.row() + (s % g.KW) * g.dw * g.pitch();
  const bool narrow = 2 * g.OW <= tile_rows;
  // Short sums leave no time to read what is overwritten. Panels must be whole cache lines.
  const bool streamed = taps <= streamed_taps && panel >= 16 && g.K % panel == 0 && is_streamed(y, g.N * g.YH * g.YW * g.K, g.K);
  took(values_in<E> == 2 ? "direct in bfloat16" : "direct",
       static_cast<double>(total * g.OW) * static_cast<double>(taps * values_in<E> * g.K));
  bool failed = false;
  parallel(ceil_div(total, band), [&](long task) {
    E* rows_in = reinterpret_cast<E*>(scratch(1, floats));
    if (rows_in == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    const long from = task * band, to = min(total, from + band);
    for (long k = 0; k < g.K; k += panel) {
      E* row_in = rows_in;  // the padded input of output row i
      long copied = 0;          // rows of it that have been copied, in the first pass over the channels
      for (long i = from; i < to;) {
        const long n = i / g.OH, m = i % g.OH;
        const T* image = x + n * g.x_image;
        const long rows = narrow && m + 1 < g.OH && i + 1 < to ? 2 : 1, needed = (rows - 1) * g.sh + g.reach();
        Ahead ahead = {nullptr, 0};
        if (k == 0) {
          const long first = m * g.sh - g.pt;
          const Step step("copies of inputs");
          copy_padded(g, image, first + copied, max(0, needed - copied), row_in + copied * g.row());
          copied = max(copied, needed);
          // The input rows that the next output row adds.
          const long next = first + copied, count = min(g.sh, g.IH - next);
          if (next >= 0 && count > 0) ahead = {image + next * g.x_row, count * g.IW * g.x_pixel * static_cast<long>(sizeof(T))};
        }
        TileArgs<E> t;
        t.a = row_in;
        t.a_row = g.sw * g.pitch();
        t.a_group = g.sh * g.row();
        t.a_step = 1;
        t.a_offset = offsets;
        t.b = packed + (k / panel) * taps * panel;
        t.b_step = panel;
        t.b_segment = g.run() * panel;
        t.segments = g.runs();
        t.length = g.run();
        t.y = y + ((n * g.YH + g.oh0 + m * g.osh) * g.YW + g.ow0) * g.K + k;
        t.y_row = g.osw * g.K;
        t.y_group = g.osh * g.YW * g.K;
        t.columns = min(panel, g.K - k);
        t.accumulate = false;
        t.streamed = streamed;
        if (rows == 2)
          double_tiles<E>[g.OW](t);
        else
          tile_rows_of(t, g.OW, ahead);
        i += rows;
        // On to the next row of this image, or past its halo to the next image.
        const long passed = m + rows < g.OH ? rows * g.sh : (rows - 1) * g.sh + g.reach();
        row_in += passed * g.row();
        copied = max(0, copied - passed);
      }
    }
    if (streamed) stream_fence();
  });
  return failed ? Status::out_of_memory : Status::ok;
}

// `packed` as floats. Multiplies in bfloat16 where `bf16` says so, the processor can, and all channels form pairs.
template <class T>
inline Status convolve_in(bool bf16, const Conv& g, const T* x, const float* packed, float* y) {
#ifdef SEW_PAIRS
  const long rows = ceil_div(g.K, panel) * g.KH * g.KW * g.C;
  if (bf16 && g.C % 2 == 0 && rows > 0 && pairs_supported()) {
    Pair* pairs = reinterpret_cast<Pair*>(scratch(3, rows / 2 * panel));
    if (pairs == nullptr) return Status::out_of_memory;
    pair_rows(packed, rows, pairs);
    Conv in_pairs = g;
    in_pairs.C /= 2;
    return convolve(in_pairs, x, pairs, y);
  }
  if (bf16 && g.C % 2 != 0) because("products of an odd number of channels are float32: bfloat16 multiplies pairs");
#endif
  (void)bf16;
  return convolve(g, x, packed, y);
}

// The convolution of a call on images of T. A 1x1 filter reads a smaller image, without the pixels that its stride skips.
template <class T>
inline Conv conv_of(const ConvShape& s, const T*) {
  const long pixel = s.C / channels_in<T>;
  Conv g = {s.N, s.IH, s.IW, s.C, s.OH, s.OW, s.K, s.KH, s.KW, s.sh, s.sw, s.pt, s.pl, s.dh, s.dw,
            s.OH, s.OW, 0, 1, 0, 1, s.IH * s.IW * pixel, s.IW * pixel, pixel};
  const bool inside = s.pt == 0 && s.pl == 0 && (s.OH - 1) * s.sh < s.IH && (s.OW - 1) * s.sw < s.IW;
  if (s.KH == 1 && s.KW == 1 && inside) {
    g.IH = s.OH, g.IW = s.OW, g.sh = g.sw = 1;
    g.x_row *= s.sh, g.x_pixel *= s.sw;
  }
  return g;
}

// An odd number of channels forms no pairs. Where two pixels do, being a stride apart from the next two, they are taken as
// one pixel of twice the channels; taps of weight 0 fill up the filter.
struct PixelPairs {
  ConvShape s;
  long before;  // taps added before the first

  explicit PixelPairs(const ConvShape& from) : s(from), before(from.pl & 1) {
    s.KW = ceil_div(from.KW + before, 2), s.pl = (from.pl + before) / 2;
    s.IW /= 2, s.sw /= 2, s.C *= 2;
  }
  static bool fit(const ConvShape& s) { return s.C % 2 != 0 && s.sw % 2 == 0 && s.IW % 2 == 0 && s.dw == 1; }
};

template <class T>
inline Status convolve_directly(bool bf16, const ConvShape& from, const T* x, const float* w, float* y) {
  const bool pixels = bf16 && pairs_supported() && PixelPairs::fit(from);
  const PixelPairs pairs(from);
  const ConvShape& s = pixels ? pairs.s : from;
  const long row = from.KW * from.C, taps = s.KH * s.KW * s.C, panels = ceil_div(s.K, panel);
  float* packed = scratch(0, panels * taps * panel);
  if (packed == nullptr) return Status::out_of_memory;
  // Padding is multiplied with the weights, and inputs with added ones.
  bool finite = true;
  if (!pixels) {
    finite = pack_parallel(w, taps, s.K, s.K, 1, packed, taps * panel, 0);
  } else {
    finite = all_finite_parallel(x, from.x());
    memset(packed, 0, panels * taps * panel * sizeof(float));
    for (long kh = 0; kh < s.KH; kh++)
      finite = pack_parallel(w + kh * row * s.K, row, s.K, s.K, 1, packed, taps * panel,
                             kh * s.KW * s.C + pairs.before * from.C) && finite;
  }
  return finite ? convolve_in(bf16, conv_of(s, x), x, packed, y) : Status::not_finite;
}

// x, w -> y, with products in bfloat16 where `bf16`. x may be stored spikes.
SEW_KERNEL(conv2d) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  return with_images(args, s.x(), s.C, [&](const auto* x) {
    const float* w = args.floats(s.w());
    float* y = args.floats(s.y());
    if (args.status != Status::ok) return args.status;
    if (s.y() == 0) return Status::ok;
    if (s.C == 0) return memset(y, 0, s.y() * sizeof(float)), Status::ok;
    if (winograd_fits(s) && s.x() > 0)
      return winograd({s.N, s.IH, s.IW, s.C, s.OH, s.OW, s.K, s.pt, s.pl}, bf16, x, w, false, y);
    because(winograd_refusal(s));
    return convolve_directly(bf16, s, x, w, y);
  });
}

// Along one axis, the taps that reach the input positions p with (p + pad) mod stride = phase, as a stride-1 convolution
// over the output gradient: taps last to first, `pad` zeros before it.
struct Phase {
  long first, count;      // input positions first, first + stride, ...
  long tap, taps, step;   // taps tap, tap + step, ... in the filter
  long pad, dilation;
};

inline Phase phase_of(long phase, long size, long kernel, long stride, long pad, long dilation) {
  Phase p;
  if (stride == 1) return {0, size, 0, kernel, 1, (kernel - 1) * dilation - pad, dilation};
  p.first = ((phase - pad) % stride + stride) % stride;
  p.count = p.first < size ? (size - 1 - p.first) / stride + 1 : 0;
  p.tap = phase;
  p.step = stride;
  p.taps = phase < kernel ? (kernel - 1 - phase) / stride + 1 : 0;
  p.pad = (p.taps - 1) - (p.first + pad - phase) / stride;
  p.dilation = 1;
  return p;
}

// dy, w -> dx, with products in bfloat16 where `bf16`. At stride s it is s*s convolutions, one for the input pixels that
// meet the same taps. A stride with a dilation is refused, as TensorFlow.js refuses it.
SEW_KERNEL(conv2dInputGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  const float *dy = args.floats(s.y()), *w = args.floats(s.w());
  float* dx = args.floats(s.x());
  if ((s.sh > 1 && s.dh > 1) || (s.sw > 1 && s.dw > 1)) return Status::wrong_arguments;
  if (args.status != Status::ok) return args.status;
  if (s.x() == 0) return Status::ok;
  if (s.y() == 0) return memset(dx, 0, s.x() * sizeof(float)), Status::ok;
  if (winograd_fits(s)) {
    return winograd({s.N, s.OH, s.OW, s.K, s.IH, s.IW, s.C, 2 - s.pt, 2 - s.pl}, bf16, dy, w, true, dx);
  }
  because(winograd_refusal(s));
  float* packed = scratch(0, ceil_div(s.C, panel) * s.KH * s.KW * s.K * panel);
  if (packed == nullptr) return Status::out_of_memory;
  // Phases in the order of the first row and column that they have.
  for (long row = 0; row < min(s.sh, s.IH); row++)
    for (long column = 0; column < min(s.sw, s.IW); column++) {
      const long a = ((row + s.pt) % s.sh + s.sh) % s.sh, b = ((column + s.pl) % s.sw + s.sw) % s.sw;
      const Phase h = phase_of(a, s.IH, s.KH, s.sh, s.pt, s.dh), v = phase_of(b, s.IW, s.KW, s.sw, s.pl, s.dw);
      // A phase that no tap reaches has a gradient of 0: a convolution with no taps at all.
      const bool reached = h.taps > 0 && v.taps > 0;
      const long rows = reached ? h.taps : 0, columns = reached ? v.taps : 0;
      const long taps = rows * columns * s.K;
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < columns; j++) {
          const long kh = h.tap + (rows - 1 - i) * h.step, kw = v.tap + (columns - 1 - j) * v.step;
          if (!pack_parallel(w + (kh * s.KW + kw) * s.C * s.K, s.K, s.C, 1, s.K, packed, taps * panel,
                             (i * columns + j) * s.K))
            return Status::not_finite;
        }
      const Status status = convolve_in(bf16, {s.N, s.OH, s.OW, s.K, h.count, v.count, s.C, rows, columns, 1, 1,
                                      reached ? h.pad : 0, reached ? v.pad : 0, h.dilation, v.dilation,
                                      s.IH, s.IW, h.first, s.sh, v.first, s.sw, s.OH * s.OW * s.K, s.OW * s.K, s.K},
                                     dy, packed, dx);
      if (status != Status::ok) return status;
    }
  return Status::ok;
}
