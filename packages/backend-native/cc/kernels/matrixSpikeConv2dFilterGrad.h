// The gradient of a convolution of spikes with respect to the filter on a matrix unit, in bfloat16: that of the output is the
// sum of three parts, or, in the precision bf16, its nearest bfloat16.
//
//   dw[tap][c][k] = sum over positions p of dy[p][k] * x[p + tap][c]
//
// on the line of spikeGrid.h, where dy is 0 at positions that are no outputs. A has 16 output channels of dy, and pairs of
// positions; B the same pairs of 16 channels of x. Pairs of x begin at even positions in one copy and at odd ones in
// another, so that a tap moves by whole rows in one of the two.
//
// As in the dense kernel the outputs are divided into chunks with sums of their own, by the shape alone. A chunk is
// processed in bands, whose sums start at 0: small parts add up before they meet larger sums.
#pragma once
#include "conv2dFilterGrad.h"
#include "matrixConv2d.h"

// Bytes of a band's spikes, and most of its positions.
constexpr long matrix_spikes_bytes = 768 * 1024;
constexpr long matrix_positions = 2048;

// 32 channels of two pixels as a row of each of two tiles, `tile` bytes apart.
inline void spread_pairs(const uint32_t* first, const uint32_t* second, long c, long tile, char* to) {
  const uint64_t bits = interleave(first[c / word_bits], second[c / word_bits]);
  spread_bits(static_cast<uint32_t>(bits), reinterpret_cast<uint16_t*>(to));
  spread_bits(static_cast<uint32_t>(bits >> 32), reinterpret_cast<uint16_t*>(to + tile));
}
inline void spread_pairs(const uint8_t* first, const uint8_t* second, long c, long tile, char* to) {
  for (long half = 0; half < 2; half++, c += tile_height, to += tile) {
    uint16_t* values = reinterpret_cast<uint16_t*>(to);
    for (long i = 0; i < tile_height; i++) {
      values[2 * i] = count_bfloat16(first[c + i]);
      values[2 * i + 1] = count_bfloat16(second[c + i]);
    }
  }
}

// Output channels k ... k + 31, of which there are `columns`, at 32 positions, as tiles [half of the channels][step][part];
// `at` is this step's in the first half.
template <int Parts>
inline void pack_gradient(const float* dy, const long* pixels, long K, long k, long columns, long half_bytes, char* at) {
  alignas(64) float rows[Parts][tile_height][tile_height];
  for (long half = 0; half < 2; half++, k += tile_height, columns -= tile_height, at += half_bytes) {
    for (long i = 0; i < tile_height; i++)
      for (long o = 0; o < tile_height; o += width) {
        const auto values = [&](long pixel) { return pixel < 0 ? Vector{} : load_some(dy + pixel * K + k + o, columns - o); };
        Vector parts[Parts];
        split_pairs<Parts>(values(pixels[2 * i]), values(pixels[2 * i + 1]), parts);
        for (int p = 0; p < Parts; p++) store(rows[p][i] + o, parts[p]);
      }
    for (int p = 0; p < Parts; p++)
      for (long i = 0; i < tile_height; i += width)
        for (long o = 0; o < tile_height; o += width)
          transpose(rows[p][i] + o, tile_height, reinterpret_cast<float*>(at + p * pair_tile) + o * tile_height + i,
                    tile_height);
  }
}

// Adds the sums of all chunks, in order: dw[tap][c][k] = sums[chunk][tap][panel of K][block of C][k][c]. Returns whether all
// are finite.
inline bool add_matrix_chunks(const float* sums, long chunks, long taps, long C, long K, float* dw) {
  const long panels = ceil_div(K, block_size), blocks = ceil_div(C, block_size), size = taps * panels * blocks * block_sums;
  Outcome outcome;
  parallel(taps * panels, [&](long task) {
    const Step step("sums of all chunks");
    const long tap = task / panels, k = task % panels * block_size, columns = min(block_size, K - k);
    alignas(64) float total[block_size][block_size], turned[block_size][block_size];
    for (long block = 0; block < blocks; block++) {
      const float* from = sums + (task * blocks + block) * block_sums;
      for (long i = 0; i < block_sums; i += width) {
        Vector sum = load(from + i);
        for (long c = 1; c < chunks; c++) sum += load(from + c * size + i);
        store(total[0] + i, sum);
      }
      for (long i = 0; i < block_size; i += width)
        for (long c = 0; c < block_size; c += width) transpose(total[i] + c, block_size, turned[c] + i, block_size);
      for (long c = 0; c < min(block_size, C - block * block_size); c++) {
        memcpy(dw + (tap * C + block * block_size + c) * K + k, turned[c], columns * sizeof(float));
        outcome.check(all_finite(turned[c], columns));
      }
    }
  });
  return !outcome.not_finite;
}

template <int Parts, class T>
Status matrix_filter_grad(const ConvShape& s, const T* x, const float* dy, float* dw) {
  const SpikeGrid g(s);
  const long taps = s.KH * s.KW, words = s.C / word_bits, panels = ceil_div(s.K, block_size);
  const long size = taps * panels * words * block_sums, pixel = s.C / channels_in<T>;
  const long most = max(1, min(most_chunks, g.total * s.OW / chunk_pixels));
  const long chunks = min(max(1, min(partial_floats / size, most)), g.total), chunk = ceil_div(g.total, chunks);
  // Few chunks would leave threads idle: then panels of output channels are divided among them, too.
  const long groups = min(panels, ceil_div(4L * thread_count(), chunks));
  const long fitting = min(matrix_positions, matrix_spikes_bytes / (g.phases() * 4 * s.C));
  const long band = min(chunk, max(1, fitting / g.columns));
  const long positions = ceil_div(band * g.columns, block_size) * block_size, steps = positions / block_size;
  const long pairs = (positions + g.down * g.columns + g.right) / 2 + 1, tile = pairs * tile_bytes;
  const long copy = 2 * words * tile, half_bytes = steps * Parts * pair_tile;
  float* sums = scratch(0, chunks * size);
  if (sums == nullptr) return Status::out_of_memory;
  took(matrix_path<Parts>, static_cast<double>(s.N * s.OH * s.OW) * static_cast<double>(taps * s.C * s.K * Parts));
  Outcome outcome;
  parallel(chunks * groups, [&](long task) {
    const long part = task / groups, group = task % groups;
    const long p0 = panels * group / groups, p1 = panels * (group + 1) / groups;
    char* spikes = reinterpret_cast<char*>(scratch(1, g.phases() * 2 * copy / sizeof(float)));
    char* gradient = reinterpret_cast<char*>(scratch(2, 2 * half_bytes / sizeof(float)));
    const long numbers = 2 * pairs + 1 + positions + steps;
    long* pixels = reinterpret_cast<long*>(scratch(3, numbers * (sizeof(long) / sizeof(float)) + s.C));
    if (spikes == nullptr || gradient == nullptr || pixels == nullptr) return outcome.lacks_memory();
    long *outputs = pixels + 2 * pairs + 1, *offsets = outputs + positions;
    T* none = reinterpret_cast<T*>(offsets + steps);
    memset(none, 0, s.C * sizeof(float));
    for (long i = 0; i < steps; i++) offsets[i] = i * Parts * pair_tile;
    float* mine = sums + part * size;
    const long end = min(g.total, (part + 1) * chunk);
    bool first = true;
    // Chunks are of whole rows: the last may have none.
    if (part * chunk >= end)
      for (long tap = 0; tap < taps; tap++)
        memset(mine + (tap * panels + p0) * words * block_sums, 0, (p1 - p0) * words * block_sums * sizeof(float));
    for (long from = part * chunk; from < end; from += band, first = false) {
      const long rows = min(band, end - from);
      for (long phase = 0; phase < g.phases(); phase++) {
        const Step step("copies of inputs");
        g.pixels(phase, from, 2 * pairs + 1, pixels);
        const auto values = [&](long i) { return pixels[i] < 0 ? none : x + pixels[i] * pixel; };
        for (long odd = 0; odd < 2; odd++)
          for (long i = 0; i < pairs; i++)
            for (long word = 0; word < words; word++)
              spread_pairs(values(2 * i + odd), values(2 * i + 1 + odd), word * word_bits, tile,
                           spikes + (2 * phase + odd) * copy + 2 * word * tile + i * tile_bytes);
      }
      for (long o = 0; o < positions; o++) {
        const long r = o / g.columns, q = o % g.columns, n = (from + r) / g.rows, m = (from + r) % g.rows;
        outputs[o] = r < rows && m < s.OH && q < s.OW ? (n * s.OH + m) * s.OW + q : -1;
      }
      MatrixUnit unit(whole_tiles());
      for (long p = p0; p < p1; p++) {
        const long k = p * block_size, columns = min(block_size, s.K - k);
        {
          const Step step("packing of the output gradient");
          for (long i = 0; i < steps; i++)
            pack_gradient<Parts>(dy, outputs + i * block_size, s.K, k, columns, half_bytes, gradient + offsets[i]);
        }
        for (long word = 0; word < words; word++)
          for (long tap = 0; tap < taps; tap++) {
            const long kh = tap / s.KW, kw = tap % s.KW, move = kh / s.sh * g.columns + kw / s.sw;
            const long phase = kh % s.sh * g.phases_w + kw % s.sw;
            MatrixBlock block;
            block.a[0] = gradient, block.a[1] = gradient + half_bytes;
            block.a_row = tile_bytes, block.a_part = pair_tile, block.a_step = offsets;
            block.b[0] = spikes + (2 * phase + move % 2) * copy + 2 * word * tile + move / 2 * tile_bytes;
            block.b[1] = block.b[0] + tile;
            block.b_step = pair_tile, block.b_part = 0;
            block.steps = steps;
            const auto nothing = [] {};
            zero_sums(unit);
            if constexpr (Parts == 3) {
              add_steps<20>(unit, block, nothing);
              add_steps<10>(unit, block, nothing);
            }
            add_steps<0>(unit, block, nothing);
            alignas(64) float found[block_size][block_size];
            store_sums(unit, found);
            float* to = mine + ((tap * panels + p) * words + word) * block_sums;
            for (long i = 0; i < block_sums; i += width)
              store(to + i, first ? load(found[0] + i) : load(to + i) + load(found[0] + i));
          }
      }
    }
  });
  outcome.check(add_matrix_chunks(sums, chunks, taps, s.C, s.K, dw));
  return outcome.status();
}

// x, dy -> dw, with products in bfloat16 where `bf16`; x is bits in words, or counts in bytes.
SEW_KERNEL(matrixSpikeConv2dFilterGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const bool bf16 = args.number() != 0;
  check_matrix(args, s, true);
  const auto gradient = [&](const auto* x) {
    const float* dy = args.floats(s.y());
    float* dw = args.floats(s.w());
    if (args.status != Status::ok) return args.status;
    if (s.y() == 0 || s.w() == 0) return memset(dw, 0, s.w() * sizeof(float)), Status::ok;
    return bf16 ? matrix_filter_grad<1>(s, x, dy, dw) : matrix_filter_grad<3>(s, x, dy, dw);
  };
  return args.next_type() == Type::uint8 ? gradient(args.bytes(s.x())) : gradient(args.bits(s.x()));
}
