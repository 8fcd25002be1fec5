// The gradient of a convolution of spikes with respect to the filter: dw[tap][c] is the sum of the rows of dy at the
// outputs that meet spikes of channel c in that tap.
//
// As in the dense kernel the outputs are divided into chunks with sums of their own. A chunk is processed in bands, with 32
// output channels of their gradient in the L2 cache, as rows on the grid. For 32 input channels at a time there is:
//
//   few spikes   dw[tap][c] stays in registers while the rows where the channel spikes are added to it
//   many spikes  a table has all sums of four rows of dy, for 64 positions and 16 output channels; the bits of a channel at
//                those positions select among them
#pragma once
#include "../lib/spikeGrid.h"
#include "conv2dFilterGrad.h"
#include "spikeConv2d.h"

// Positions of a band.
constexpr long spike_gradient_band = 1024;
// Spikes per position and 32 channels above which the table is faster than the list.
constexpr long gradient_table_spikes = 6;
// A pixel of the output gradient is prefetched so many before it.
constexpr long pixels_ahead = 16;
// Positions of a table.
constexpr long table_bits = 64;
// Output channels of a table.
constexpr long table_lanes = 16;

template <int J>
inline void swap_bits(uint32_t* a, uint32_t mask) {
  for (int i = 0; i < word_bits; i += 2 * J)
    for (int k = i; k < i + J; k++) {
      const uint32_t t = (a[k] >> J ^ a[k + J]) & mask;
      a[k] ^= t << J;
      a[k + J] ^= t;
    }
}

// Transposes 32 words of 32 bits: bit j of word i becomes bit i of word j.
inline void transpose(const uint32_t* words, uint32_t* to) {
#if defined(__AVX512F__)
  const __m512i low = _mm512_loadu_si512(words), high = _mm512_loadu_si512(words + 16);
  __m512i bit = _mm512_set1_epi32(1);
  for (int i = 0; i < word_bits; i++, bit = _mm512_add_epi32(bit, bit))
    to[i] = static_cast<uint32_t>(_mm512_test_epi32_mask(high, bit)) << 16 | _mm512_test_epi32_mask(low, bit);
#else
  memcpy(to, words, word_bits * sizeof(uint32_t));
  swap_bits<16>(to, 0x0000ffff);
  swap_bits<8>(to, 0x00ff00ff);
  swap_bits<4>(to, 0x0f0f0f0f);
  swap_bits<2>(to, 0x33333333);
  swap_bits<1>(to, 0x55555555);
#endif
}

// Of each of 32 channels the bits at 64 positions from `from` on, in two words; `strings` is [word of positions][channel].
inline void bits_from(const uint32_t* strings, long from, uint32_t (*to)[word_bits]) {
  const int shift = static_cast<int>(from % word_bits);
  strings += from / word_bits * word_bits;
  for (int half = 0; half < 2; half++, strings += word_bits)
    for (int c = 0; c < word_bits; c++)
      to[half][c] = strings[c] >> shift | strings[word_bits + c] << 1 << (word_bits - 1 - shift);
}

// Number of positions in an ascending list that come before `at`.
inline uint32_t count_before(const uint32_t* list, long count, long at) {
  long low = 0;
  while (count > 0) {
    const long half = count / 2;
    const bool before = list[low + half] < at;
    low = before ? low + half + 1 : low;
    count = before ? count - half - 1 : half;
  }
  return static_cast<uint32_t>(low);
}

// The part of a channel's list that the outputs of a band meet in a row of taps.
struct SpikeSpan {
  uint32_t from, to;
};

// Where the spikes of each of 32 channels are, in ascending order, from words of 32 positions each, [word][channel];
// and the spans for a band of so many rows, [channel][row of taps]. Returns the end of the entries.
inline uint32_t* channel_lists(const SpikeGrid& g, const uint32_t* strings, long word_count, long band,
                               uint32_t* entries, const uint32_t** lists, SpikeSpan* spans) {
  for (long c = 0; c < word_bits; c++) {
    uint32_t* end = entries;
    for (long i = 0; i < word_count; i++)
      end = append_positions(strings[i * word_bits + c], static_cast<uint32_t>(i * word_bits), end);
    lists[c] = entries;
    for (long t = 0; t <= g.down; t++)
      *spans++ = {count_before(entries, end - entries, t * g.columns),
                  count_before(entries, end - entries, (t + band) * g.columns)};
    entries = end;
  }
  return entries;
}

// The inputs of a band for one phase, plane and word of channels.
struct SpikeBlock {
  bool whole;                        // for the table
  const uint32_t* lists[word_bits];  // else the positions of each channel's spikes
};

// Neighbouring taps of a row that are summed at a time: the registers have room for them, and the caches still have the
// rows of dy that one of them reads for the next.
constexpr int row_taps_at_once = lane_vectors <= 2 ? 3 : 1;

// dw[t] += scale * the sum of the rows of dy at t positions before those of a list, for t < Taps; `apart` floats lie from
// dw[t] to the next.
template <int Taps>
inline void add_listed(const float* at, const uint32_t* entry, const uint32_t* end, Vector scale, float* to, long apart) {
  // Two sums hide the latency of an addition. Their number is alike on every instruction set, and so are the results.
  Vector sum[2][Taps][lane_vectors] = {};
  const auto add = [&](int which, long position) {
#pragma GCC unroll 4
    for (int t = 0; t < Taps; t++)
#pragma GCC unroll 8
      for (long v = 0; v < lane_vectors; v++) sum[which][t][v] += load(at + (position - t) * lanes + v * width);
  };
  for (; entry + 1 < end; entry += 2) {
    add(0, static_cast<long>(entry[0]));
    add(1, static_cast<long>(entry[1]));
  }
  if (entry < end) add(0, static_cast<long>(*entry));
#pragma GCC unroll 4
  for (int t = 0; t < Taps; t++)
#pragma GCC unroll 8
    for (long v = 0; v < lane_vectors; v++) {
      float* y = to + t * apart + v * width;
      store(y, load(y) + scale * (sum[0][t][v] + sum[1][t][v]));
    }
}

template <class X>
Status spike_filter_grad(const ConvShape& s, const X& x, const float* dy, float* dw) {
  const SpikeGrid g(s);
  const SpikePlanes planes(x, s.x());
  const long taps = s.KH * s.KW * s.C, panels = ceil_div(s.K, lanes), size = taps * panels * lanes;
  const long most = max(1, min(most_chunks, g.total * s.OW / chunk_pixels));
  const long chunks = min(max(1, min(partial_floats / size, most)), g.total);
  // Few chunks would leave threads idle: then panels of output channels are divided among them, too. Each group of panels
  // makes the lists again.
  const long groups = min(panels, ceil_div(4L * thread_count(), chunks));
  const long chunk = ceil_div(g.total, chunks);
  const long band = min(chunk, max(1, spike_gradient_band / g.columns));
  float* sums = scratch(0, chunks * size);
  if (sums == nullptr) return Status::out_of_memory;
  because(reason_of(planes));
  const long blocks = g.phases() * planes.count * g.words;
  // Positions with those that taps reach, as words of bits; more, since a table's positions may begin inside a word, and
  // end behind the last.
  const long word_count = ceil_div((band + g.down) * g.columns + g.right, word_bits) + table_bits / word_bits + 1;
  const long positions = word_count * word_bits;
  const size_t string_floats = blocks * word_bits * word_count;
  const size_t block_floats = blocks * (sizeof(SpikeBlock) / sizeof(float));
  const size_t span_floats = blocks * word_bits * (g.down + 1) * (sizeof(SpikeSpan) / sizeof(float));
  const size_t entries = blocks * positions * gradient_table_spikes + append_slack;
  constexpr long table_size = table_floats<uint64_t, table_lanes>;
  Outcome outcome;
  parallel(chunks * groups, [&](long task) {
    const long part = task / groups, group = task % groups;
    const long p0 = panels * group / groups, p1 = panels * (group + 1) / groups;
    float* lists = scratch(1, block_floats + span_floats + string_floats + entries);
    float* gradient = scratch(2, table_size + (g.right + band * g.columns + table_bits) * lanes);
    float* read = scratch(3, positions);
    if (lists == nullptr || gradient == nullptr || read == nullptr) {
      outcome.lacks_memory();
      return;
    }
    SpikeBlock* block = reinterpret_cast<SpikeBlock*>(lists);
    SpikeSpan* span = reinterpret_cast<SpikeSpan*>(lists + block_floats);
    uint32_t* strings = reinterpret_cast<uint32_t*>(lists + block_floats + span_floats);
    uint32_t* words = reinterpret_cast<uint32_t*>(read);
    float* table = gradient;
    gradient += table_size;
    float* mine = sums + part * size;
    memset(mine + p0 * taps * lanes, 0, (p1 - p0) * taps * lanes * sizeof(float));
    const long to = min(g.total, (part + 1) * chunk);
    // Rows that were added, and in how many lists; tables, and words of channels that selected from one.
    long listed = 0, lists_added = 0, tables = 0, selected = 0;
    for (long from = part * chunk; from < to; from += band) {
      const long rows = min(band, to - from);
      uint32_t* end = strings + string_floats;
      bool has_whole[sizeof planes.at / sizeof *planes.at] = {};  // of the planes
      for (long b = 0; b < blocks; b++) {
        const Step step("lists of spikes");
        const long phase = b / (planes.count * g.words);
        memset(words, 0, positions * sizeof(uint32_t));
        g.read(x, planes.at[b / g.words % planes.count], phase, b % g.words, from, rows + g.down, words);
        uint32_t* bits = strings + b * word_bits * word_count;
        for (long i = 0; i < positions; i += word_bits) transpose(words + i, bits + i);
        block[b].whole = count_spikes(words, positions) > gradient_table_spikes * (rows + g.down) * g.columns;
        has_whole[b / g.words % planes.count] |= block[b].whole;
        if (!block[b].whole)
          end = channel_lists(g, bits, word_count, rows, end, block[b].lists, span + b * word_bits * (g.down + 1));
      }
      for (long panel_at = p0; panel_at < p1; panel_at++) {
        const long k0 = panel_at * lanes, columns = min(lanes, s.K - k0);
        float* first = gradient + g.right * lanes;  // of position 0
        const auto copy_gradient = [&] {
          const Step step("copies of the output gradient");
          // Positions without an output are 0, and so are the lanes that a last panel leaves.
          const auto clear = [&](long at, long end) { memset(first + at * lanes, 0, (end - at) * lanes * sizeof(float)); };
          clear(-g.right, 0);
          clear(columns < lanes ? 0 : rows * g.columns, rows * g.columns + table_bits);
          Vector marks = {};
          for (long r = 0; r < rows; r++) {
            const long n = (from + r) / g.rows, m = (from + r) % g.rows;
            clear(r * g.columns + (m < s.OH ? s.OW : 0), (r + 1) * g.columns);
            if (m >= s.OH) continue;
            const float* row = dy + (n * s.OH + m) * s.OW * s.K + k0;
            for (long q = 0; q < s.OW; q++, row += s.K) {
              // Panels of many channels are too far apart for the processor to foresee.
              for (long k = 0; k < lanes; k += 16) __builtin_prefetch(row + pixels_ahead * s.K + k);
              marks = copy_row<lanes>(row, columns, first + (r * g.columns + q) * lanes, marks);
            }
          }
          return marks;
        };
        outcome.check(is_finite(copy_gradient()));
        float* panel_sums = mine + panel_at * taps * lanes;
        for (long kh = 0; kh < s.KH; kh++)
          for (long phase_w = 0; phase_w < g.phases_w; phase_w++) {
            const long down = kh / s.sh, row_taps = (s.KW - 1 - phase_w) / s.sw + 1;
            for (long p = 0; p < planes.count; p++)
              for (long k = 0; k < g.words; k++) {
                const long index = ((kh % s.sh * g.phases_w + phase_w) * planes.count + p) * g.words + k;
                const SpikeBlock& b = block[index];
                if (b.whole) continue;
                const Vector scale = splat(planes.weight(p));
                const SpikeSpan* spans = span + index * word_bits * (g.down + 1) + down;
                for (long c = 0; c < word_bits; c++, spans += g.down + 1) {
                  const uint32_t *entry = b.lists[c] + spans->from, *last = b.lists[c] + spans->to;
                  listed += (last - entry) * row_taps;
                  if (entry == last) continue;
                  lists_added += ceil_div(row_taps, row_taps_at_once);
                  const long apart = s.sw * s.C * lanes;
                  float* sum = panel_sums + ((kh * s.KW + phase_w) * s.C + k * word_bits + c) * lanes;
                  for (long u = 0; u < row_taps; u += row_taps_at_once) {
                    const float* at = first - (down * g.columns + u) * lanes;
                    const auto add = row_taps - u >= 3   ? add_listed<row_taps_at_once>
                                     : row_taps - u == 2 ? add_listed<row_taps_at_once == 3 ? 2 : 1>
                                                         : add_listed<1>;
                    add(at, entry, last, scale, sum + u * apart, apart);
                  }
                }
              }
          }
        for (long at = 0; at < rows * g.columns; at += table_bits)
          for (long p = 0; p < planes.count; p++)
            for (long lane = 0; has_whole[p] && lane < columns; lane += table_lanes) {
              make_table<uint64_t, table_lanes>(first + at * lanes + lane, lanes, table);
              tables++;
              if (planes.at[p] != 0)
                for (long j = 0; j < table_size; j += width) store(table + j, load(table + j) * splat(planes.weight(p)));
              for (long tap = 0; tap < s.KH * s.KW; tap++) {
                const long kh = tap / s.KW, kw = tap % s.KW;
                const long phase = kh % s.sh * g.phases_w + kw % s.sw;
                const long from = at + kh / s.sh * g.columns + kw / s.sw;
                for (long k = 0; k < g.words; k++) {
                  const long index = (phase * planes.count + p) * g.words + k;
                  if (!block[index].whole) continue;
                  selected++;
                  uint32_t selections[2][word_bits];
                  bits_from(strings + index * word_bits * word_count, from, selections);
                  float* sum = panel_sums + (tap * s.C + k * word_bits) * lanes + lane;
                  for (long c = 0; c < word_bits; c++) {
                    const uint64_t selection = static_cast<uint64_t>(selections[1][c]) << word_bits | selections[0][c];
                    if (selection != 0) add_selected<table_lanes>(table, selection, sum + c * lanes);
                  }
                }
              }
            }
      }
    }
    if (listed > 0) took(list_path, static_cast<double>(listed) * lanes, static_cast<double>(lists_added));
    if (tables > 0)
      took(table_path, (static_cast<double>(tables) * rows_in_table(table_bits) +
                        static_cast<double>(selected * word_bits) * (table_bits / 4)) * table_lanes);
  });
  // Where no channel spikes an infinite gradient would have no effect.
  outcome.check(add_chunks(sums, chunks, taps, s.K, lanes, dw));
  return outcome.status();
}

template <class X>
Status spike_conv2d_filter_grad(Arguments& args, const ConvShape& s) {
  const X x = {X::read(args, s.x())};
  const float* dy = args.floats(s.y());
  float* dw = args.floats(s.w());
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0 || s.w() == 0) return memset(dw, 0, s.w() * sizeof(float)), Status::ok;
  return spike_filter_grad(s, x, dy, dw);
}

// x, dy -> dw; x is bits in words, or counts in bytes.
SEW_KERNEL(spikeConv2dFilterGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  check_spikes(args, s);
  return args.next_type() == Type::uint8 ? spike_conv2d_filter_grad<Counts>(args, s)
                                         : spike_conv2d_filter_grad<Bits>(args, s);
}
