// The gradient with respect to the filter: dw[i][j][c][k] = sum over pixels of x[pixel + (i, j)][c] * dy[pixel][k].
//
// The pixels are divided into chunks, whose number depends on the shape alone. Each has sums of its own, which are added in
// order at the end, so that the result does not depend on the number of threads.
#pragma once
#include "conv2d.h"

// Fewest output pixels of a chunk.
constexpr long chunk_pixels = 512;
// Floats in the padded input rows of a band, and in a panel of its output gradient. Each band passes over all sums once, so
// larger bands are better as long as they fit the L2 cache.
constexpr long filter_band_floats = 96 * 1024;

// Adds the sums of all chunks, in order: dw[i][k] = sums[chunk][k / lanes][i][k % lanes] for i < taps and k < K. Returns
// whether all are finite.
inline bool add_chunks(const float* sums, long chunks, long taps, long K, long lanes, float* dw) {
  const long panels = ceil_div(K, lanes), size = taps * panels * lanes;
  Outcome outcome;
  parallel(ceil_div(taps, 64), [&](long task) {
    const Step step("sums of all chunks");
    Vector marks = {};
    // A panel's rows are neighbours.
    for (long p = 0; p < panels; p++)
      for (long i = task * 64; i < min(taps, task * 64 + 64); i++)
        for_vectors(0, min(lanes, K - p * lanes), [&](long k, long some) {
          const float* from = sums + (p * taps + i) * lanes + k;
          Vector sum = load_part(from, some);
          for (long c = 1; c < chunks; c++) sum += load_part(from + c * size, some);
          store_part(dw + i * K + p * lanes + k, sum, some);
          marks = mark(marks, sum);
        });
    outcome.check(is_finite(marks));
  });
  return !outcome.not_finite;
}

// How a band holds the inputs of its outputs, for the tile's first factor: steps along a row of outputs, each with the
// inputs that the outputs see. A step is a pixel, read where copy_padded left it, or a pair of pixels.
template <class E>
struct InputSteps {
  long row, step, count;  // elements from a row of inputs to the next, from a step to the next, and steps of a row
  long runs, run;         // stretches of a step's inputs, and their elements
  explicit InputSteps(const Conv& g)
      : row(g.row()), step(g.sw * g.pitch()), count(g.OW), runs(g.runs()), run(g.run()) {}
  // Where a stretch begins, and which row of the filter it is in.
  long from(const Conv& g, long i) const {
    return g.runs() == g.KH ? i * g.dh * row : i / g.KW * g.dh * row + i % g.KW * g.dw * g.pitch();
  }
};

template <class T>
inline void copy_inputs(const Conv& g, const InputSteps<float>&, const T* image, long from, long rows, const T*, float* to) {
  copy_padded(g, image, from, rows, to);
}

// Packs `rows` rows of dy from pixel `from` on as the second factor, `columns` channels from k on.
inline void pack_gradient(const Conv& g, const float* dy, long rows, long columns, float* to) {
  pack(dy, rows * g.OW, columns, g.K, 1, to, 0, 0);
}

#ifdef SEW_PAIRS
template <>
struct InputSteps<Pair> {
  long row, step, count, runs, run;
  explicit InputSteps(const Conv& g) : count(ceil_div(g.OW, 2)), runs(g.KH), run(g.KW * g.C) {
    step = run % 128 == 0 ? run + 16 : run;
    row = count * step;
  }
  long from(const Conv& g, long i) const { return i * g.dh * row; }
};

// `count` values of two pixels as pairs. The last vector begins where it ends with them, whatever it repeats.
template <class T>
inline void pair_pixels(const T* first, const T* second, long count, Pair* to) {
  if (count < width) {
    Pair pairs[width];
    store_pairs(pairs, channels_at(first, 0, count), channels_at(second, 0, count));
    memcpy(to, pairs, count * sizeof(Pair));
    return;
  }
  for (long i = 0; i < count; i += width) {
    const long c = min(i, count - width);
    store_pairs(to + c, channels_at(first, c), channels_at(second, c));
  }
}

template <class T>
inline void copy_inputs(const Conv& g, const InputSteps<Pair>& in, const T* image, long from, long rows, const T* zeros,
                        Pair* to) {
  // Where taps are neighbours in memory, so are the inputs of a step inside the image.
  const bool joined = g.dw == 1 && g.x_pixel * channels_in<T> == g.C;
  for (long i = from; i < from + rows; i++, to += in.row) {
    if (i < 0 || i >= g.IH) {
      memset(to, 0, in.row * sizeof(Pair));
      continue;
    }
    const T* row = image + i * g.x_row;
    for (long j = 0; j < in.count; j++) {
      const long first = 2 * j * g.sw - g.pl, second = first + g.sw;
      if (joined && first >= 0 && second + g.KW <= g.IW && 2 * j + 1 < g.OW) {
        pair_pixels(row + first * g.x_pixel, row + second * g.x_pixel, in.run, to + j * in.step);
        continue;
      }
      for (long kw = 0; kw < g.KW; kw++) {
        const auto pixel = [&](long output, long at) {
          return output < g.OW && at >= 0 && at < g.IW ? row + at * g.x_pixel : zeros;
        };
        pair_pixels(pixel(2 * j, first + kw * g.dw), pixel(2 * j + 1, second + kw * g.dw), g.C, to + j * in.step + kw * g.C);
      }
    }
  }
}

inline void pack_gradient(const Conv& g, const float* dy, long rows, long columns, Pair* to) {
  for (long r = 0; r < rows; r++, dy += g.OW * g.K)
    for (long q = 0; q < g.OW; q += 2, to += panel)
      for (long k = 0; k < panel; k += width) {
        const long count = max(0, min(width, columns - k));
        const auto pixel = [&](long at) { return at < g.OW && count > 0 ? load_part(dy + at * g.K + k, count) : Vector{}; };
        store_pairs(to + k, pixel(q), pixel(q + 1));
      }
}
#endif

// Rows of outputs that lie one after the other, as their inputs do, become fewer, longer ones.
inline Conv join_rows(Conv g) {
  constexpr long long_row = 128;
  const bool pixels = g.KH == 1 && g.KW == 1 && g.sh == 1 && g.sw == 1 && g.pt == 0 && g.pl == 0;
  const bool contiguous = g.IH == g.OH && g.IW == g.OW && g.x_row == g.IW * g.x_pixel && g.x_image == g.IH * g.x_row;
  if (!pixels || !contiguous) return g;
  const long rows = g.N * g.OH;
  long joined = 1;
  for (long i = 2; i <= min(rows, long_row / g.OW); i++)
    if (rows % i == 0) joined = i;
  g.N = 1, g.OH = g.IH = rows / joined, g.OW = g.IW = g.OW * joined;
  g.x_row *= joined;
  return g;
}

template <class E, class T>
inline Status filter_gradient(const Conv& g, const T* x, const float* dy, float* dw) {
  const long taps = g.KH * g.KW * g.C, panels = ceil_div(g.K, panel), size = taps * panels * panel;
  const long total = g.N * g.OH;
  const long most = max(1, min(most_chunks, total * g.OW / chunk_pixels));
  const long chunks = min(max(1, min(partial_floats / size, most)), total);
  // Few chunks would leave threads idle: then panels of output channels are divided among them, too. Each group of panels
  // copies the inputs again.
  const long groups = min(panels, ceil_div(4L * thread_count(), chunks));
  const long chunk = ceil_div(total, chunks);
  const InputSteps<E> in(g);
  const long band = min(chunk, max(1, filter_band_floats / max(in.row * g.sh, in.count * panel)));
  float* sums = scratch(0, chunks * size);
  if (sums == nullptr) return Status::out_of_memory;
  took(values_in<E> == 2 ? "direct in bfloat16" : "direct",
       static_cast<double>(total * g.OW) * static_cast<double>(taps * g.K));
  const size_t zeros_floats = g.C;
  const size_t floats = (band * g.sh + (ceil_div(band, g.OH) + 1) * (g.reach() + g.sh)) * in.row;
  bool failed = false;
  parallel(chunks * groups, [&](long task) {
    const long part = task / groups, group = task % groups;
    const long k0 = panels * group / groups, k1 = panels * (group + 1) / groups;
    float* zeros = scratch(1, zeros_floats + floats);
    E* gradient = reinterpret_cast<E*>(scratch(2, band * in.count * panel));
    long* offsets = reinterpret_cast<long*>(scratch(3, band * (sizeof(long) / sizeof(float))));
    if (zeros == nullptr || gradient == nullptr || offsets == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    memset(zeros, 0, zeros_floats * sizeof(float));
    E* rows_in = reinterpret_cast<E*>(zeros + zeros_floats);
    float* mine = sums + part * size;
    memset(mine + k0 * taps * panel, 0, (k1 - k0) * taps * panel * sizeof(float));
    const long to = min(total, (part + 1) * chunk);
    for (long i = part * chunk; i < to;) {
      // A band: image by image, the inputs and where each output row finds its own.
      const long rows = min(band, to - i);
      E* at = rows_in;
      for (long done = 0; done < rows;) {
        const long n = (i + done) / g.OH, m = (i + done) % g.OH, count = min(g.OH - m, rows - done);
        const long rows_of_image = (count - 1) * g.sh + g.reach();
        const Step step("copies of inputs");
        copy_inputs(g, in, x + n * g.x_image, m * g.sh - g.pt, rows_of_image, reinterpret_cast<const T*>(zeros), at);
        for (long r = 0; r < count; r++) offsets[done + r] = at - rows_in + r * g.sh * in.row;
        at += rows_of_image * in.row;
        done += count;
      }
      for (long k = k0; k < k1; k++) {
        const float* from = dy + i * g.OW * g.K + k * panel;
        TileArgs<E> t;
        t.b = gradient;
        t.b_step = panel;
        if constexpr (values_in<E> == 1) {
          // A few whole panels of channels are read in place: packing would cost more than the strides.
          if (g.K % panel == 0 && g.K <= 4 * panel) t.b = from, t.b_step = g.K;
        }
        if (t.b == gradient) {
          const Step step("packing of the output gradient");
          pack_gradient(g, from, rows, min(panel, g.K - k * panel), gradient);
        }
        t.b_segment = in.count * t.b_step;
        t.a_row = 1, t.a_group = 0, t.a_step = in.step, t.a_offset = offsets;
        t.segments = rows, t.length = in.count;
        t.y_row = panel, t.y_group = 0, t.columns = panel;
        t.accumulate = true;
        for (long run = 0; run < in.runs; run++) {
          t.a = rows_in + in.from(g, run);
          t.y = mine + (k * taps + run * in.run) * panel;
          tile_rows_of(t, in.run);
        }
      }
      i += rows;
    }
  });
  if (failed) return Status::out_of_memory;
  return add_chunks(sums, chunks, taps, g.K, panel, dw) ? Status::ok : Status::not_finite;
}

// x, dy -> dw, with products in bfloat16 where `bf16`. x may be stored spikes.
SEW_KERNEL(conv2dFilterGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  return with_images(args, s.x(), s.C, [&](const auto* x) {
    const float* dy = args.floats(s.y());
    float* dw = args.floats(s.w());
    if (args.status != Status::ok) return args.status;
    if (s.y() == 0 || s.w() == 0) return memset(dw, 0, s.w() * sizeof(float)), Status::ok;
    if (winograd_fits(s) && s.x() > 0)
      return winograd_filter_grad({s.N, s.IH, s.IW, s.C, s.OH, s.OW, s.K, s.pt, s.pl}, bf16, x, dy, dw);
    because(winograd_refusal(s));
    const Conv g = join_rows(conv_of(s, x));
#ifdef SEW_PAIRS
    const bool pairs = bf16 && pairs_supported(), fills = g.KW * g.C >= width;
    if (pairs && fills) return filter_gradient<Pair>(g, x, dy, dw);
    if (pairs) because("rows of a filter that fill no vector take float32: making pairs of them takes longer than it saves");
#endif
    return filter_gradient<float>(g, x, dy, dw);
  });
}
