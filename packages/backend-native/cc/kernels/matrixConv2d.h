// Convolution and the gradient of its input on a matrix unit, in bfloat16: a spike or a small count is one exactly, and a
// float32 the sum of three. A product with spikes takes three products then, one between dense numbers the six of nine
// that matter; both are as accurate as float32. In the precision bf16 either takes one.
//
// The images lie on the grid of spikeGrid.h, a line of positions for each phase. A tile of A is 16 neighbouring positions with
// 32 values each, and moves by a tap along the line; sums at positions that are no outputs are dropped.
//
//   words   A position has the channels of a pixel, in words of 32. A step is a word of a tap.
//   runs    Other numbers of channels, of floats: a position has all pixels that the stride passes in a row. A step is 32 of the
//           values of a row of taps, which are neighbours; the weights of what it reads behind them are 0.
//
// Small images have many positions that are no outputs. Where their number allows it 16 of them lie side by side: a tile
// is then one position of 16 images, and those that are no outputs are passed over.
#pragma once
#include "../lib/matrixBlock.h"
#include "../lib/spikeGrid.h"
#include "conv2d.h"

// A convolution, and where its outputs are stored: (m, q) at row oh0 + m*osh and column ow0 + q*osw of an image of YH x YW.
struct MatrixConv {
  ConvShape s;
  long YH, YW, oh0, osh, ow0, osw;
};

// Bytes of a band of positions, which should stay in the L2 cache with a panel of the filter.
constexpr long matrix_band_bytes = 384 * 1024;

// Most bytes of a pixel that the rows of a tile skip: an odd number of cache lines, so that they lie in different sets.
inline long matrix_pitch(long bytes) { return ceil_div(bytes, tile_bytes) / 2 * 2 * tile_bytes + tile_bytes; }

// 32 channels of a pixel, and the parts of floats, `part` bytes apart. Pairs are channels (2j, 2j + 1) of spikes, but
// (j, j + 16) of floats, which saves moving them.
template <int Parts>
inline void spread_channels(const uint32_t* pixel, long c, long, char* to) {
  spread_bits(pixel[c / word_bits], reinterpret_cast<uint16_t*>(to));
}
template <int Parts>
inline void spread_channels(const uint8_t* pixel, long c, long, char* to) {
  uint16_t* values = reinterpret_cast<uint16_t*>(to);
  for (long i = 0; i < word_bits; i++) values[i] = count_bfloat16(pixel[c + i]);
}
template <int Parts>
inline void spread_channels(const float* pixel, long c, long part, char* to) {
  for (long j = 0; j < tile_height; j += width) {
    Vector parts[Parts];
    split_pairs<Parts>(load(pixel + c + j), load(pixel + c + tile_height + j), parts);
    for (int p = 0; p < Parts; p++) store(reinterpret_cast<float*>(to + p * part) + j, parts[p]);
  }
}

// Channels c ... c + 31 of one tap of the filter, `columns` outputs from k on, as tiles [part][half of the outputs].
// Pairs as spread_channels makes them of floats, if `halves`, or of spikes.
template <int Parts>
inline void pack_filter(const float* tap, long K, long c, long k, long columns, bool halves, char* to) {
  for (long j = 0; j < tile_height; j++) {
    const float* first = tap + (c + (halves ? j : 2 * j)) * K + k;
    const float* second = first + (halves ? tile_height : 1) * K;
    for (long o = 0; o < block_size; o += width) {
      Vector parts[Parts];
      split_pairs<Parts>(load_some(first + o, columns - o), load_some(second + o, columns - o), parts);
      float* row = reinterpret_cast<float*>(to + o / tile_height * pair_tile + j * tile_bytes) + o % tile_height;
      for (int p = 0; p < Parts; p++) store(row + p * 2 * pair_tile / 4, parts[p]);
    }
  }
}

// The same of a tap whose outputs come first, [K][C], with pairs (j, j + 16).
template <int Parts>
inline void pack_turned_filter(const float* tap, long C, long c, long k, long columns, char* to) {
  alignas(64) float rows[Parts][tile_height][tile_height];
  for (long half = 0; half < 2; half++, to += pair_tile) {
    for (long o = 0; o < tile_height; o++) {
      const long output = half * tile_height + o;
      const float* from = tap + (k + output) * C + c;
      for (long j = 0; j < tile_height; j += width) {
        Vector parts[Parts] = {};
        if (output < columns) split_pairs<Parts>(load(from + j), load(from + tile_height + j), parts);
        for (int p = 0; p < Parts; p++) store(rows[p][o] + j, parts[p]);
      }
    }
    for (int p = 0; p < Parts; p++)
      for (long i = 0; i < tile_height; i += width)
        for (long j = 0; j < tile_height; j += width)
          transpose(rows[p][i] + j, tile_height, reinterpret_cast<float*>(to + p * 2 * pair_tile) + j * tile_height + i,
                    tile_height);
  }
}

// 32 values of a row of taps from value `from` on, as pairs of neighbours. tap_of(j): the weights of a tap of the row, [C][K], or
// [K][C] if `Turned`.
template <int Parts, bool Turned, class Taps>
inline void pack_run(const ConvShape& s, const Taps& tap_of, long from, long k, long columns, char* to) {
  alignas(64) float rows[word_bits][block_size] = {};
  for (long i = 0; i < min(word_bits, s.KW * s.C - from); i++) {
    const long c = (from + i) % s.C;
    const float* tap = tap_of((from + i) / s.C);
    for (long o = 0; o < columns; o++) rows[i][o] = Turned ? tap[(k + o) * s.C + c] : tap[c * s.K + k + o];
  }
  pack_filter<Parts>(rows[0], block_size, 0, 0, block_size, false, to);
}

// Sums of a block on their way to y. A few rows are copied before each step of the next block, while the unit computes. Large
// results are written past the caches.
struct PendingSums {
  bool streamed;
  alignas(64) float sums[block_size][block_size];
  long copied = block_size;
  const long* to = nullptr;  // where each row goes in y; -1: nowhere
  float* y = nullptr;
  long columns = 0;
  Vector marks = {};

  void copy(long rows) {
    for (const long end = min(block_size, copied + rows); copied < end; copied++) {
      if (to[copied] < 0) continue;
      const float* row = sums[copied];
      float* out = y + to[copied];
      for_vectors(0, columns, [&](long k, long count) {
        const Vector v = load_part(row + k, count);
        if (streamed) stream(out + k, v);
        else store_part(out + k, v, count);
        marks = mark(marks, v);
      });
    }
  }
};

// Adds the products of a block. The first parts' come last, after the small ones of all steps.
template <bool Dense, int Parts, class Between>
inline void add_products(MatrixUnit& unit, const MatrixBlock& block, const Between& between) {
  if constexpr (Parts == 3 && Dense) {
    add_steps<2, 1, 11, 10, 20>(unit, block, between);
  } else if constexpr (Parts == 3) {
    add_steps<2>(unit, block, between);
    add_steps<1>(unit, block, between);
  }
  add_steps<0>(unit, block, between);
}

// `rows` rows of the grid from row `from` on, as runs: lines of the phases of rows one after the other, of each part.
template <int Parts>
inline void spread_runs(const SpikeGrid& g, const float* x, long from, long rows, long part, char* line) {
  const ConvShape& s = g.s;
  const long row_values = g.columns * s.sw * s.C, zeros = max(0, s.pl) * s.C, first = max(0, -s.pl) * s.C;
  const long count = min(s.IW * s.C - first, row_values - zeros);
  memset(line, 0, Parts * part);
  for (long phase = 0; phase < g.phases_h; phase++)
    for (long r = 0; r < rows; r++) {
      const long n = (from + r) / g.rows, i = (from + r) % g.rows * s.sh + phase - s.pt;
      if (n >= s.N || i < 0 || i >= s.IH || count <= 0) continue;
      spread_values<Parts>(x + (n * s.IH + i) * s.IW * s.C + first, count, part,
                           line + ((phase * rows + r) * row_values + zeros) * 2);
    }
}

// Images that lie side by side at each position.
inline long images_abreast(const ConvShape& s) {
  const SpikeGrid g(s);
  const bool sparse = 10 * g.rows * g.columns > 11 * s.OH * s.OW;
  return sparse && s.N % tile_height == 0 && s.C % word_bits == 0 ? tile_height : 1;
}

// x: floats, counts, or words of bits; all but floats have words of channels. tap_of(i, j): the weights of a tap, [C][K], or
// [K][C] if `Turned`.
template <int Parts, bool Turned, class T, class Taps>
Status matrix_convolve(const MatrixConv& conv, const T* x, const Taps& tap_of, float* y) {
  constexpr bool dense = channels_in<T> == 1 && sizeof(T) == sizeof(float);
  const long abreast = images_abreast(conv.s);
  ConvShape s = conv.s;
  s.N /= abreast;  // image n is at the same positions as n + N, n + 2 N, ...
  const bool runs = s.C % word_bits != 0;
  const SpikeGrid g(s, runs);
  const long taps = s.KH * s.KW, words = s.C / word_bits, row_steps = ceil_div(s.KW * s.C, word_bits);
  const long steps = runs ? s.KH * row_steps : taps * words, panels = ceil_div(s.K, block_size);
  // Bytes of a position, without parts that lie apart.
  const long pitch = runs ? s.sw * s.C * 2 : matrix_pitch((dense ? Parts : 1) * s.C * 2), pixel = s.C / channels_in<T>;
  const long row_bytes = g.phases() * g.columns * abreast * pitch * (runs ? Parts : 1);
  const long rows_fitting = max(ceil_div(block_size, g.columns * abreast), matrix_band_bytes / row_bytes);
  const long bands = ceil_div(g.total, rows_fitting), band = ceil_div(g.total, bands);
  // Few bands would leave threads idle: then panels of outputs are divided among them, too.
  const long groups = min(panels, ceil_div(4L * thread_count(), bands));
  const long rows_in = ceil_div(band * g.columns + tile_height + g.right, g.columns) + g.down;
  const long length = rows_in * g.columns, line_bytes = g.phases() * length * abreast * pitch;
  const long part = runs ? line_bytes + tile_bytes : s.C * 2;
  const long most_tiles = ceil_div(band * g.columns * abreast, tile_height) + 1;
  constexpr long step_bytes = Parts * 2 * pair_tile;
  const long step_floats = steps * (sizeof(long) / sizeof(float));
  char* packed = reinterpret_cast<char*>(scratch(0, panels * steps * step_bytes / sizeof(float) + step_floats));
  if (packed == nullptr) return Status::out_of_memory;
  // Steps take the channels one word after the other, each with all taps, whose positions overlap.
  long* offsets = reinterpret_cast<long*>(packed + panels * steps * step_bytes);
  for (long i = 0; i < steps; i++) {
    const long kh = runs ? i / row_steps : i % taps / s.KW, kw = runs ? 0 : i % s.KW;
    const long phase = kh % s.sh * g.phases_w + kw % s.sw;
    offsets[i] = (phase * length + kh / s.sh * g.columns + kw / s.sw) * abreast * pitch +
                 (runs ? i % row_steps : i / taps) * tile_bytes;
  }
  parallel(panels * (runs ? steps : words), [&](long task) {
    const Step step("packing of the filter");
    if (runs) {
      const long k = task / steps * block_size, run = task % steps;
      const auto tap = [&](long j) { return tap_of(run / row_steps, j); };
      return pack_run<Parts, Turned>(s, tap, run % row_steps * word_bits, k, min(block_size, s.K - k),
                                     packed + task * step_bytes);
    }
    const long k = task / words * block_size, c = task % words * word_bits, columns = min(block_size, s.K - k);
    char* to = packed + task * taps * step_bytes;
    for (long t = 0; t < taps; t++, to += step_bytes) {
      const float* tap = tap_of(t / s.KW, t % s.KW);
      if constexpr (Turned)
        pack_turned_filter<Parts>(tap, s.C, c, k, columns, to);
      else
        pack_filter<Parts>(tap, s.K, c, k, columns, dense, to);
    }
  });
  took(matrix_path<Parts>, static_cast<double>(s.N * abreast * s.OH * s.OW) * static_cast<double>(taps * s.C * s.K) *
                               (dense && Parts == 3 ? 6 : Parts));
  const bool streamed = is_streamed(y, product(s.N * abreast, conv.YH, conv.YW, s.K), s.K);
  Outcome outcome;
  parallel(bands * groups, [&](long task) {
    const long from = task / groups * band, rows = min(band, g.total - from), group = task % groups;
    if (rows <= 0) return;
    char* line = reinterpret_cast<char*>(scratch(1, (runs ? Parts * part : line_bytes) / sizeof(float) + 1));
    const long numbers = max(length, most_tiles * tile_height) + most_tiles;
    long* pixels = reinterpret_cast<long*>(scratch(2, numbers * (sizeof(long) / sizeof(float))));
    if (line == nullptr || pixels == nullptr) return outcome.lacks_memory();
    {
      const Step step("copies of inputs");
      if constexpr (dense) {
        if (runs) spread_runs<Parts>(g, x, from, rows_in, part, line);
      }
      char* at = line;
      for (long phase = 0; phase < g.phases() && !runs; phase++) {
        g.pixels(phase, from, length, pixels);
        for (long i = 0; i < length; i++)
          for (long image = 0; image < abreast; image++, at += pitch) {
            if (pixels[i] < 0) {
              memset(at, 0, pitch);
              continue;
            }
            const T* values = x + (pixels[i] + image * s.N * s.IH * s.IW) * pixel;
            for (long c = 0; c < s.C; c += word_bits) spread_channels<Parts>(values, c, part, at + c * 2);
          }
      }
    }
    // Tiles that have outputs: where each begins, and where its rows go in y.
    long *outputs = pixels, *starts = pixels + most_tiles * tile_height, tiles = 0;
    for (long t = 0; t < ceil_div(band * g.columns * abreast, tile_height); t++) {
      bool any = false;
      for (long i = 0; i < tile_height; i++) {
        const long o = (t * tile_height + i) / abreast, image = (t * tile_height + i) % abreast;
        const long r = o / g.columns, q = o % g.columns, n = image * s.N + (from + r) / g.rows, m = (from + r) % g.rows;
        const bool is_output = r < rows && m < s.OH && q < s.OW;
        outputs[tiles * tile_height + i] =
            is_output ? ((n * conv.YH + conv.oh0 + m * conv.osh) * conv.YW + conv.ow0 + q * conv.osw) * s.K : -1;
        any |= is_output;
      }
      if (any) starts[tiles++] = t * tile_height * pitch;
    }
    if (tiles % 2 != 0) {
      for (long i = 0; i < tile_height; i++) outputs[tiles * tile_height + i] = -1;
      starts[tiles] = starts[tiles - 1], tiles++;
    }
    MatrixUnit unit(whole_tiles());
    PendingSums pending;
    pending.streamed = streamed;
    const long rows_a_step = ceil_div(block_size, steps);
    for (long p = panels * group / groups; p < panels * (group + 1) / groups; p++)
      for (long t = 0; t < tiles; t += 2) {
        MatrixBlock block;
        block.a[0] = line + starts[t];
        block.a[1] = line + starts[t + 1];
        block.a_row = pitch, block.a_part = part, block.a_step = offsets;
        block.b[0] = packed + p * steps * step_bytes;
        block.b[1] = block.b[0] + pair_tile;
        block.b_step = step_bytes, block.b_part = 2 * pair_tile;
        block.steps = steps;
        zero_sums(unit);
        add_products<dense, Parts>(unit, block, [&] { pending.copy(rows_a_step); });
        store_sums(unit, pending.sums);
        pending.copied = 0, pending.to = outputs + t * tile_height, pending.y = y + p * block_size;
        pending.columns = min(block_size, s.K - p * block_size);
      }
    pending.copy(block_size);
    if (streamed) stream_fence();
    outcome.check(is_finite(pending.marks));
  });
  return outcome.status();
}

// Fails where the matrix unit's kernels do not support a convolution: of spikes they need words of channels.
inline void check_matrix(Arguments& args, const ConvShape& s, bool spikes) {
  if ((spikes && s.C % word_bits != 0) || s.dh != 1 || s.dw != 1) args.fail(Status::wrong_arguments);
}

template <class T>
Status matrix_conv2d(Arguments& args, const ConvShape& s, bool bf16, const T* x) {
  const float* w = args.floats(s.w());
  float* y = args.floats(s.y());
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0) return Status::ok;
  if (s.C == 0) return memset(y, 0, s.y() * sizeof(float)), Status::ok;
  const auto tap_of = [&](long i, long j) { return w + (i * s.KW + j) * s.C * s.K; };
  const MatrixConv conv = {s, s.OH, s.OW, 0, 1, 0, 1};
  return bf16 ? matrix_convolve<1, false>(conv, x, tap_of, y) : matrix_convolve<3, false>(conv, x, tap_of, y);
}

// x, w -> y, with products in bfloat16 where `bf16`.
SEW_KERNEL(matrixConv2d) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  check_matrix(args, s, false);
  return matrix_conv2d(args, s, bf16, args.floats(s.x()));
}

// The same; x is bits in words, or counts in bytes.
SEW_KERNEL(matrixSpikeConv2d) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  check_matrix(args, s, true);
  if (args.next_type() == Type::uint8) return matrix_conv2d(args, s, bf16, args.bytes(s.x()));
  return matrix_conv2d(args, s, bf16, args.bits(s.x()));
}

// dy, w -> dx, with products in bfloat16 where `bf16`. At stride s it is s*s convolutions, one for the input pixels that
// meet the same taps, see conv2d.h.
SEW_KERNEL(matrixConv2dInputGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  check_matrix(args, s, false);
  const float *dy = args.floats(s.y()), *w = args.floats(s.w());
  float* dx = args.floats(s.x());
  if (args.status != Status::ok) return args.status;
  if (s.x() == 0) return Status::ok;
  // Pixels that no tap reaches.
  if (s.y() == 0 || s.sh > s.KH || s.sw > s.KW) memset(dx, 0, s.x() * sizeof(float));
  if (s.y() == 0) return Status::ok;
  for (long row = 0; row < min(s.sh, s.IH); row++)
    for (long column = 0; column < min(s.sw, s.IW); column++) {
      const long a = ((row + s.pt) % s.sh + s.sh) % s.sh, b = ((column + s.pl) % s.sw + s.sw) % s.sw;
      const Phase h = phase_of(a, s.IH, s.KH, s.sh, s.pt, 1), v = phase_of(b, s.IW, s.KW, s.sw, s.pl, 1);
      if (h.taps <= 0 || v.taps <= 0) continue;
      const ConvShape shape = {s.N, s.OH, s.OW, s.K, h.count, v.count, s.C, h.taps, v.taps, 1, 1, h.pad, v.pad, 1, 1};
      const MatrixConv conv = {shape, s.IH, s.IW, h.first, s.sh, v.first, s.sw};
      const auto tap_of = [&](long i, long j) {
        const long kh = h.tap + (h.taps - 1 - i) * h.step, kw = v.tap + (v.taps - 1 - j) * v.step;
        return w + (kh * s.KW + kw) * s.C * s.K;
      };
      const Status status =
          bf16 ? matrix_convolve<1, true>(conv, dy, tap_of, dx) : matrix_convolve<3, true>(conv, dy, tap_of, dx);
      if (status != Status::ok) return status;
    }
  return Status::ok;
}
