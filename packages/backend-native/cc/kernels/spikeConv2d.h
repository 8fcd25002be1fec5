// Convolution of spikes: work in proportion to the spikes where they are few, and a quarter of the dense kernel's additions
// where they are many. Weights are not multiplied by 0: infinite ones are refused, see finite.h.
//
// A task has a band of the grid's rows, and 32 or 64 output channels at a time with all their sums in the L2 cache. It takes
// as many input channels at a time as keep their rows of the filter in the L1 cache:
//
//   few spikes   the inputs that an output sees in one row of taps are neighbours on the line, so that their spikes are
//                one stretch of a list; each names its row of the filter
//   many spikes  tap by tap: the sum of the rows that an input's word selects comes from a table
#pragma once
#include "../lib/bfloat16.h"
#include "../lib/moments.h"
#include "../lib/spikeGrid.h"

// Positions of a band.
constexpr long spike_band = 1024;
// Spikes per position and 32 channels above which the table is faster than the list.
constexpr long table_spikes = 9;
// Words of channels taken at a time, times taps.
constexpr long words_at_once = 4;

// The inputs of a band for one phase, plane and some words of channels.
struct SpikeInputs {
  long spikes;
  bool table;
  uint32_t* words;   // [word][position]
  uint32_t* starts;  // in `entries`, of each position and the end, unless there is a table
};

// y[0 .. Lanes) += the rows at these offsets
template <long Lanes>
inline void add_rows(const float* rows, const uint32_t* entry, const uint32_t* end, float* y) {
  constexpr long vectors = Lanes / width;
  Vector sum[vectors];
  for (long v = 0; v < vectors; v++) sum[v] = load(y + v * width);
  for (; entry < end; entry++)
    for (long v = 0; v < vectors; v++) sum[v] += load(rows + static_cast<long>(*entry) * Lanes + v * width);
  for (long v = 0; v < vectors; v++) store(y + v * width, sum[v]);
}

// Output pixels of K channels, in float32 or in bfloat16; the other is null. Large ones are written past the caches.
struct SpikeOutputs {
  float* floats;
  uint16_t* bfloats;
  long K;
  bool streamed;

  SpikeOutputs(float* f, uint16_t* b, long n, long channels) : floats(f), bfloats(b), K(channels) {
    streamed = b != nullptr ? is_streamed(b, n, K) : is_streamed(f, n, K);
  }

  // Writes `columns` channels of a pixel from channel k on; `sums` becomes what is stored.
  template <long Lanes>
  void write(float* sums, long columns, long pixel, long k) const {
    const long at = pixel * K + k;
    if (bfloats != nullptr) {
#pragma GCC unroll 16
      for (long i = 0; i < Lanes; i += width) {
        const Vector v = load(sums + i);
        store_bfloats(bfloats + at + i, bfloats_of(v), min(width, columns - i), streamed);
        store(sums + i, to_bfloat16(v));
      }
    } else if (streamed) {
      for (long i = 0; i < columns; i += width) stream(floats + at + i, load(sums + i));
    } else {
      copy_row<Lanes>(sums, columns, floats + at);
    }
  }
};

template <long Lanes, class X>
Status spike_convolve(const ConvShape& s, const X& x, const float* w, const SpikeOutputs& y, const Statistics& statistics) {
  const SpikeGrid g(s);
  const SpikePlanes planes(x, s.x());
  because(reason_of(planes));
  if (planes.count == 0 && !all_finite(w, s.w())) return Status::not_finite;
  const long panels = ceil_div(s.K, Lanes);
  const long bands = ceil_div(g.total, max(1, spike_band / g.columns)), band = ceil_div(g.total, bands);
  // Few bands would leave threads idle: then panels of output channels are divided among them, too.
  const long groups = min(panels, ceil_div(4L * thread_count(), bands));
  const long row_taps = ceil_div(s.KW, s.sw);  // of one phase
  const long some = max(1, words_at_once / row_taps), parts = ceil_div(g.words, some);
  const long blocks = g.phases() * planes.count * parts;
  const long positions = (band + g.down) * g.columns + g.right;
  const long input_words = (some + 1) * positions + 1;
  const size_t input_floats = blocks * (sizeof(SpikeInputs) / sizeof(float));
  const size_t list_floats = blocks * (input_words + table_spikes * some * positions) + append_slack;
  const long filter_rows = row_taps * some * word_bits;
  const bool measured = statistics.wanted();
  float* memory = scratch(0, measured ? PartMoments::floats(bands, panels * Lanes) : 0);
  if (memory == nullptr) return Status::out_of_memory;
  const PartMoments moments(bands, panels * Lanes, memory);
  // Whether a row of the grid has outputs, and in how many rows of a band they are.
  const auto is_output = [&](long row) { return row % g.rows < s.OH; };
  const auto output_rows = [&](long part) {
    long count = 0;
    for (long row = part * band; row < min(g.total, (part + 1) * band); row++) count += is_output(row);
    return count;
  };
  Outcome outcome;
  parallel(bands * groups, [&](long task) {
    const long from = task / groups * band, rows = min(band, g.total - from), group = task % groups;
    if (rows <= 0) return;
    float* table = scratch(1, table_floats<uint32_t, lanes> + (filter_rows + rows * g.columns) * Lanes);
    float* lists = scratch(2, input_floats + list_floats);
    if (table == nullptr || lists == nullptr) {
      outcome.lacks_memory();
      return;
    }
    float *filter = table + table_floats<uint32_t, lanes>, *sums = filter + filter_rows * Lanes;
    SpikeInputs* inputs = reinterpret_cast<SpikeInputs*>(lists);
    uint32_t* next = reinterpret_cast<uint32_t*>(lists + input_floats);
    uint32_t* const entries = next + blocks * input_words;
    uint32_t* end = entries;
    for (long b = 0; b < blocks; b++, next += input_words) {
      const Step step("lists of spikes");
      SpikeInputs& in = inputs[b];
      in.words = next, in.starts = next + some * positions;
      memset(in.words, 0, some * positions * sizeof(uint32_t));
      const long phase = b / (planes.count * parts);
      const int plane = planes.at[b / parts % planes.count];
      const long first = b % parts * some, count = min(some, g.words - first);
      for (long k = 0; k < count; k++)
        g.read(x, plane, phase, first + k, from, rows + g.down, in.words + k * positions);
      in.spikes = count_spikes(in.words, count * positions);
      in.table = in.spikes > table_spikes * count * positions;
      if (in.table || in.spikes == 0) continue;
      for (long i = 0; i < positions; i++) {
        in.starts[i] = static_cast<uint32_t>(end - entries);
        for (long k = 0; k < count; k++)
          end = append_positions(in.words[k * positions + i], static_cast<uint32_t>((i * some + k) * word_bits), end);
      }
      in.starts[positions] = static_cast<uint32_t>(end - entries);
    }
    for (long panel_at = panels * group / groups; panel_at < panels * (group + 1) / groups; panel_at++) {
      const long k0 = panel_at * Lanes, columns = min(Lanes, s.K - k0);
      memset(sums, 0, rows * g.columns * Lanes * sizeof(float));
      // f(output's position on the line, its sums)
      const auto for_outputs = [&](const auto& f) {
        for (long r = 0; r < rows; r++)
          if ((from + r) % g.rows < s.OH)
            for (long o = r * g.columns; o < r * g.columns + s.OW; o++) f(o, sums + o * Lanes);
      };
      const long row_blocks = g.phases_w * planes.count * parts;  // of the phases of a row of taps
      for (long kh = 0; kh < s.KH; kh++)
        for (long b = 0; b < row_blocks; b++) {
          const SpikeInputs& in = inputs[kh % s.sh * row_blocks + b];
          const long kw = b / (planes.count * parts), p = b / parts % planes.count, first = b % parts * some;
          const long taps = (s.KW - 1 - kw) / s.sw + 1, count = min(some, g.words - first);
          // The tasks of the first band see every weight.
          const bool checks = from == 0 && p == 0;
          if (in.spikes == 0 && !checks) continue;
          for (long u = 0; u < taps; u++) {
            const Step step("copies of the filter");
            float* rows_of_tap = filter + u * some * word_bits * Lanes;
            copy_rows<Lanes>(w + ((kh * s.KW + kw + u * s.sw) * s.C + first * word_bits) * s.K + k0, s.K,
                             count * word_bits, columns, planes.weight(p), rows_of_tap);
            if (checks) outcome.check(all_finite(rows_of_tap, count * word_bits * Lanes));
          }
          if (in.spikes == 0) continue;
          const long down = kh / s.sh * g.columns;
          if (tracing) {
            double added = in.table ? static_cast<double>(taps * count) * rows_in_table(word_bits) : 0;
            double listed = 0;
            for_outputs([&](long o, float*) {
              if (in.table) return void(added += static_cast<double>(taps * count * (word_bits / 4)));
              const uint32_t spikes = in.starts[down + o + taps] - in.starts[down + o];
              added += spikes, listed += spikes > 0;
            });
            took(in.table ? table_path : list_path, added * Lanes, listed);
          }
          if (in.table) {
            for (long u = 0; u < taps; u++)
              for (long k = 0; k < count; k++)
                for (long lane = 0; lane < Lanes; lane += lanes) {
                  make_table<uint32_t, lanes>(filter + (u * some + k) * word_bits * Lanes + lane, Lanes, table);
                  const uint32_t* words = in.words + k * positions + down + u;
                  for_outputs([&](long o, float* sum) { add_selected<lanes>(table, words[o], sum + lane); });
                }
          } else {
            for_outputs([&](long o, float* sum) {
              const uint32_t *stretch = in.starts + down + o, from = stretch[0], to = stretch[taps];
              if (from != to)
                add_rows<Lanes>(filter - (down + o) * some * word_bits * Lanes, entries + from, entries + to, sum);
            });
          }
        }
      const auto write_outputs = [&](const auto& take) {
        const Step step("writes of outputs");
        for (long r = 0; r < rows; r++) {
          if (!is_output(from + r)) continue;
          float* row = sums + r * g.columns * Lanes;
          const long first = ((from + r) / g.rows * s.OH + (from + r) % g.rows) * s.OW;
          for (long q = 0; q < s.OW; q++) {
            y.template write<Lanes>(row + q * Lanes, columns, first + q, k0);
            take(row + q * Lanes);
          }
        }
      };
      if (!measured) {
        write_outputs([](const float*) {});
      } else {
        Moments<Lanes> own(sums);
        write_outputs([&](const float* row) { own.add(row); });
        moments.store(task / groups, k0, max(1, output_rows(task / groups) * s.OW), own);
      }
    }
    if (y.streamed) stream_fence();
  });
  if (measured)
    moments.join([&](long part) { return output_rows(part) * s.OW; }, s.K, statistics);
  return outcome.status();
}

// Fails where the event-driven kernels do not support the convolution.
inline void check_spikes(Arguments& args, const ConvShape& s) {
  if (s.C % word_bits != 0 || s.dh != 1 || s.dw != 1) args.fail(Status::wrong_arguments);
}

template <class X>
Status spike_conv2d(Arguments& args, const ConvShape& s) {
  const X x = {X::read(args, s.x())};
  const float* w = args.floats(s.w());
  const bool half = args.next_type() == Type::uint16;
  uint16_t* bfloats = half ? args.bfloats(s.y()) : nullptr;
  float* floats = half ? nullptr : args.floats(s.y());
  const Statistics statistics = statistics_of(args, s.K);
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0 || s.C == 0) {
    if (half) memset(bfloats, 0, s.y() * sizeof(uint16_t));
    else memset(floats, 0, s.y() * sizeof(float));
    if (statistics.wanted())
      memset(statistics.mean, 0, s.K * sizeof(float)), memset(statistics.variance, 0, s.K * sizeof(float));
    return Status::ok;
  }
  const SpikeOutputs y(floats, bfloats, s.y(), s.K);
  // With more channels at a time each spike is looked up less often, but their sums must fit the registers.
  constexpr long many = width >= 8 ? 2 * lanes : lanes;
  return s.K % many == 0 ? spike_convolve<many>(s, x, w, y, statistics) : spike_convolve<lanes>(s, x, w, y, statistics);
}

// x, w -> y and, where there are buffers for them, mean and variance of its channels. x is bits in words, or counts in
// bytes; y is floats, or bfloat16.
SEW_KERNEL(spikeConv2d) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  check_spikes(args, s);
  return args.next_type() == Type::uint8 ? spike_conv2d<Counts>(args, s) : spike_conv2d<Bits>(args, s);
}
