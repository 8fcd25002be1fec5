// The gradient with respect to the filter: dw[i][j][c][k] = sum over pixels of x[pixel + (i, j)][c] * dy[pixel][k].
//
// The pixels are divided into chunks, whose number depends on the shape alone. Each has sums of its own, which are added in
// order at the end, so that the result does not depend on the number of threads.
#pragma once
#include "conv2d.h"

// Fewest output pixels of a chunk.
constexpr long chunk_pixels = 512;
// Floats in the padded input rows of a band. Each band passes over all sums once, so larger bands are better as long as
// they fit the L2 cache.
constexpr long filter_band_floats = 96 * 1024;

// Adds the sums of all chunks, in order: dw[i][k] = sums[chunk][k / lanes][i][k % lanes] for i < taps and k < K. Returns
// whether all are finite.
inline bool add_chunks(const float* sums, long chunks, long taps, long K, long lanes, float* dw) {
  const long panels = ceil_div(K, lanes), size = taps * panels * lanes;
  Outcome outcome;
  parallel(ceil_div(taps, 64), [&](long task) {
    for (long i = task * 64; i < min(taps, task * 64 + 64); i++)
      for (long p = 0; p < panels; p++) {
        const float* from = sums + (p * taps + i) * lanes;
        float* to = dw + i * K + p * lanes;
        const long columns = min(lanes, K - p * lanes);
        memcpy(to, from, columns * sizeof(float));
        for (long c = 1; c < chunks; c++)
          for (long k = 0; k < columns; k++) to[k] += from[c * size + k];
        outcome.check(all_finite(to, columns));
      }
  });
  return !outcome.not_finite;
}

// x, dy -> dw, with products in bfloat16 where `bf16`. x may be stored spikes where winograd_fits.
SEW_KERNEL(conv2dFilterGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  if (winograd_fits(s) && s.x() > 0 && s.y() > 0) {
    return with_images(args, s.x(), s.C, [&](const auto* x) {
      const float* dy = args.floats(s.y());
      float* dw = args.floats(s.w());
      if (args.status != Status::ok) return args.status;
      return winograd_filter_grad({s.N, s.IH, s.IW, s.C, s.OH, s.OW, s.K, s.pt, s.pl}, bf16, x, dy, dw);
    });
  }
  because(winograd_refusal(s));
  if (bf16) because("products are float32: only Winograd tiles have a filter gradient in bfloat16");
  const float *x = args.floats(s.x()), *dy = args.floats(s.y());
  float* dw = args.floats(s.w());
  if (args.status != Status::ok) return args.status;
  const Conv g = conv_of(s);
  if (s.y() == 0 || s.w() == 0) {
    memset(dw, 0, s.w() * sizeof(float));
    return Status::ok;
  }
  const long taps = s.KH * s.KW * s.C, panels = ceil_div(s.K, panel), size = taps * panels * panel;
  const long total = s.N * s.OH;
  const long most = max(1, min(most_chunks, total * s.OW / chunk_pixels));
  const long chunks = min(max(1, min(partial_floats / size, most)), total);
  // Few chunks would leave threads idle: then panels of output channels are divided among them, too.
  const long groups = min(panels, ceil_div(most_chunks, chunks));
  const long chunk = ceil_div(total, chunks);
  const long band = min(chunk, max(1, filter_band_floats / max(1, g.row() * g.sh)));
  float* sums = scratch(0, chunks * size);
  if (sums == nullptr) return Status::out_of_memory;
  const size_t floats = (band * g.sh + (ceil_div(band, g.OH) + 1) * (g.reach() + g.sh)) * g.row();
  took("direct", static_cast<double>(total * s.OW) * static_cast<double>(taps * s.K));
  bool failed = false;
  parallel(chunks * groups, [&](long task) {
    const long part = task / groups, group = task % groups;
    const long k0 = panels * group / groups, k1 = panels * (group + 1) / groups;
    float* rows_in = scratch(1, floats);
    float* gradient = scratch(2, band * g.OW * panel);
    long* offsets = reinterpret_cast<long*>(scratch(3, band * (sizeof(long) / sizeof(float))));
    if (rows_in == nullptr || gradient == nullptr || offsets == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    float* mine = sums + part * size;
    memset(mine + k0 * taps * panel, 0, (k1 - k0) * taps * panel * sizeof(float));
    const long to = min(total, (part + 1) * chunk);
    for (long i = part * chunk; i < to;) {
      // A band: image by image, the padded input and where each output row finds its own.
      const long rows = min(band, to - i);
      float* at = rows_in;
      for (long done = 0; done < rows;) {
        const long n = (i + done) / g.OH, m = (i + done) % g.OH, count = min(g.OH - m, rows - done);
        const long rows_of_image = (count - 1) * g.sh + g.reach();
        copy_padded(g, x + n * g.x_image, m * g.sh - g.pt, rows_of_image, at);
        for (long r = 0; r < count; r++) offsets[done + r] = at - rows_in + r * g.sh * g.row();
        at += rows_of_image * g.row();
        done += count;
      }
      for (long k = k0; k < k1; k++) {
        const long columns = min(panel, g.K - k * panel);
        // A few whole panels of channels are read in place: packing would cost more than the strides.
        const bool in_place = g.K % panel == 0 && g.K <= 4 * panel;
        if (!in_place) pack(dy + i * g.OW * g.K + k * panel, rows * g.OW, columns, g.K, 1, gradient, 0, 0);
        for (long run = 0; run < g.runs(); run++) {
          const long kh = g.runs() == g.KH ? run : run / g.KW, kw = g.runs() == g.KH ? 0 : run % g.KW;
          TileArgs<float> t;
          t.a = rows_in + kh * g.dh * g.row() + kw * g.dw * g.pitch();
          t.a_row = 1, t.a_group = 0;
          t.a_step = g.sw * g.pitch();
          t.a_offset = offsets;
          t.b = in_place ? dy + i * g.OW * g.K + k * panel : gradient;
          t.b_step = in_place ? g.K : panel;
          t.b_segment = g.OW * t.b_step;
          t.segments = rows;
          t.length = g.OW;
          t.y = mine + (k * taps + run * g.run()) * panel;
          t.y_row = panel, t.y_group = 0;
          t.columns = panel;
          t.accumulate = true;
          tile_rows_of(t, g.run());
        }
      }
      i += rows;
    }
  });
  if (failed) return Status::out_of_memory;
  return add_chunks(sums, chunks, taps, s.K, panel, dw) ? Status::ok : Status::not_finite;
}
