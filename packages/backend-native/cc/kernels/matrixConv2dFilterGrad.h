// The gradient of a convolution of dense images with respect to the filter on a matrix unit, in bfloat16: both factors are sums
// of three parts, or, in the precision bf16, their nearest bfloat16.
//
//   dw[v][k] = sum over outputs p of dy[p][k] * window[p][v]
//
// where a window has the values that an output sees, [KH][KW][C]. A has 16 output channels of dy, and pairs of outputs; B the
// same pairs of 16 values of their windows.
//
// As in the other kernels the outputs are divided into chunks with sums of their own, by the shape alone, and a chunk is
// processed in bands.
#pragma once
#include "matrixSpikeConv2dFilterGrad.h"

// Outputs of a band, and most blocks of values that a task has: of three parts, 384 KB.
constexpr long matrix_band_outputs = 256, matrix_band_blocks = 8;

// An output, and a stretch of the rows of its window: the values from `first` of row kh on, `count` of all rows.
struct Window {
  long n, m, q, kh, first, count;

  void next_output(const ConvShape& s) {
    if (++q < s.OW) return;
    q = 0;
    if (++m < s.OH) return;
    m = 0, n++;
  }

  // Copies the values. Writes up to a vector past the end.
  void copy(const ConvShape& s, const float* x, float* to) const {
    const long row = s.KW * s.C, line = s.IW * s.C, from = (q * s.sw - s.pl) * s.C, size = s.x();
    for (long i = kh, skipped = first, left = count; left > 0; i++, skipped = 0) {
      const long h = m * s.sh - s.pt + i, begin = from + skipped, some = min(left, row - skipped);
      const long at = (n * s.IH + h) * line + begin;
      const bool in_image = h >= 0 && h < s.IH;
      if (in_image && begin >= 0 && begin + some <= line && at + some + width <= size) {
        for (long v = 0; v < some; v += width) store(to + v, load(x + at + v));
      } else {
        for (long v = 0; v < some; v++) to[v] = in_image && begin + v >= 0 && begin + v < line ? x[at + v] : 0;
      }
      left -= some, to += some;
    }
  }
};

template <int Parts>
Status matrix_dense_filter_grad(const ConvShape& s, const float* x, const float* dy, float* dw) {
  const long values = s.KH * s.KW * s.C, blocks = ceil_div(values, block_size), panels = ceil_div(s.K, block_size);
  const long total = s.N * s.OH * s.OW, size = blocks * panels * block_sums;
  const long most = max(1, min(most_chunks, total / chunk_pixels));
  const long chunks = min(max(1, partial_floats / size), most), chunk = ceil_div(total, chunks);
  // Values of a window are divided among tasks.
  const long parts_wanted = max(ceil_div(blocks, matrix_band_blocks), ceil_div(4L * thread_count(), chunks));
  const long groups = min(blocks, parts_wanted), most_blocks = ceil_div(blocks, groups);
  const long band = min(matrix_band_outputs, ceil_div(chunk, block_size) * block_size), steps = band / block_size;
  const long half_bytes = steps * Parts * pair_tile;
  float* sums = scratch(0, chunks * size);
  if (sums == nullptr) return Status::out_of_memory;
  took(matrix_path<Parts>, static_cast<double>(total) * static_cast<double>(values * s.K * (Parts == 3 ? 6 : 1)));
  Outcome outcome;
  parallel(chunks * groups, [&](long task) {
    const long part = task / groups, group = task % groups;
    const long b0 = blocks * group / groups, b1 = blocks * (group + 1) / groups;
    const long v0 = b0 * block_size, count = min(values, b1 * block_size) - v0, row = most_blocks * block_size;
    // Tiles of values of windows, [half of a block][step][part], and of dy, [half of a panel][step][part].
    char* windows = reinterpret_cast<char*>(scratch(1, (2 * most_blocks + 2) * half_bytes / sizeof(float)));
    float* copied = scratch(2, block_size * row + width);
    long* numbers = reinterpret_cast<long*>(scratch(3, (band + steps) * (sizeof(long) / sizeof(float))));
    if (windows == nullptr || copied == nullptr || numbers == nullptr) return outcome.lacks_memory();
    char* gradient = windows + 2 * most_blocks * half_bytes;
    long *outputs = numbers, *offsets = numbers + band;
    for (long i = 0; i < steps; i++) offsets[i] = i * Parts * pair_tile;
    float* mine = sums + part * size;
    const long end = min(total, (part + 1) * chunk);
    bool first = true;
    MatrixUnit unit(whole_tiles());
    Window window = {part * chunk / (s.OH * s.OW), part * chunk / s.OW % s.OH, part * chunk % s.OW,
                     v0 / (s.KW * s.C), v0 % (s.KW * s.C), count};
    for (long from = part * chunk; from < end || first; from += band, first = false) {
      for (long i = 0; i < band; i++) outputs[i] = from + i < end ? from + i : -1;
      const long band_steps = ceil_div(max(0, min(band, end - from)), block_size);
      for (long step = 0; step < band_steps; step++) {
        const Step copies("copies of inputs");
        for (long i = 0; i < block_size; i++) {
          float* to = copied + i * row;
          const bool is_output = outputs[step * block_size + i] >= 0;
          if (is_output) window.copy(s, x, to), window.next_output(s);
          for (long v = is_output ? count : 0; v < (b1 - b0) * block_size; v++) to[v] = 0;
        }
        for (long half = 0; half < 2 * (b1 - b0); half++)
          for (long i = 0; i < tile_height; i++)
            for (long v = 0; v < tile_height; v += width) {
              const float* pair = copied + 2 * i * row + half * tile_height + v;
              Vector parts[Parts];
              split_pairs<Parts>(load(pair), load(pair + row), parts);
              char* to = windows + half * half_bytes + offsets[step] + i * tile_bytes;
              for (int p = 0; p < Parts; p++) store(reinterpret_cast<float*>(to + p * pair_tile) + v, parts[p]);
            }
      }
      for (long p = 0; p < panels; p++) {
        const long k = p * block_size, columns = min(block_size, s.K - k);
        {
          const Step step("packing of the output gradient");
          for (long i = 0; i < band_steps; i++)
            pack_gradient<Parts>(dy, outputs + i * block_size, s.K, k, columns, half_bytes, gradient + offsets[i]);
        }
        for (long b = b0; b < b1; b++) {
          MatrixBlock block;
          block.a[0] = gradient, block.a[1] = gradient + half_bytes;
          block.a_row = tile_bytes, block.a_part = pair_tile, block.a_step = offsets;
          block.b[0] = windows + 2 * (b - b0) * half_bytes, block.b[1] = block.b[0] + half_bytes;
          block.b_step = Parts * pair_tile, block.b_part = pair_tile;
          block.steps = band_steps;
          zero_sums(unit);
          add_products<true, Parts>(unit, block, [] {});
          alignas(64) float found[block_size][block_size];
          store_sums(unit, found);
          float* to = mine + (p * blocks + b) * block_sums;
          for (long i = 0; i < block_sums; i += width)
            store(to + i, first ? load(found[0] + i) : load(to + i) + load(found[0] + i));
        }
      }
    }
  });
  outcome.check(add_matrix_chunks(sums, chunks, 1, values, s.K, dw));
  return outcome.status();
}

// x, dy -> dw, with products in bfloat16 where `bf16`.
SEW_KERNEL(matrixConv2dFilterGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  check_matrix(args, s, false);
  const float *x = args.floats(s.x()), *dy = args.floats(s.y());
  float* dw = args.floats(s.w());
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0 || s.w() == 0) return memset(dw, 0, s.w() * sizeof(float)), Status::ok;
  return bf16 ? matrix_dense_filter_grad<1>(s, x, dy, dw) : matrix_dense_filter_grad<3>(s, x, dy, dw);
}
