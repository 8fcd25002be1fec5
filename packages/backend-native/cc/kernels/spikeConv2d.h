// Convolution of spikes: work in proportion to them where they are few, and a third of the dense kernel's where they are
// many.
//
// A task has a band of the grid's rows and 32 output channels at a time, with all their sums in the second-level cache.
// For each tap and each 32 input channels it adds rows of the filter to those sums, in one of two ways:
//
//   few spikes   channel by channel:    the filter's row stays in registers and is added to the output of every position
//                                       where the channel spikes
//   many spikes  position by position:  the sum of the rows that its word selects comes from a table

// Positions of a band, and how many spikes a word that has any must have on average for the table to pay.
constexpr long spike_band = 768;
constexpr long table_spikes = 4;

struct SpikeBlock {
  bool whole;                             // words for the table: entries (position, word) in one list
  const uint32_t* lists[word_bits];       // else positions, by channel
};

// All inputs of a band: for every phase, plane and word of channels, its block and the spans of its lists.
template <class X>
inline void read_blocks(const SpikeGrid& g, const X& x, const int* planes, long plane_count, long from, long band,
                        uint32_t* words, uint32_t* strings, uint32_t* entries, SpikeBlock* blocks, SpikeSpan* spans) {
  const long count = (band + g.down) * g.columns, word_count = ceil_div(count, word_bits);
  for (long phase = 0; phase < g.phases(); phase++)
    for (long p = 0; p < plane_count; p++)
      for (long k = 0; k < g.words; k++, blocks++, spans += word_bits * (g.down + 1)) {
        g.read(x, planes[p], phase, k, from, band + g.down, words);
        long used = 0;
        for (long i = 0; i < count; i++) used += words[i] != 0;
        blocks->whole = count_spikes(words, count) > table_spikes * used;
        if (blocks->whole) {
          blocks->lists[0] = entries;
          uint32_t* end = entries;
          for (long i = 0; i < count; i++) {
            end[0] = static_cast<uint32_t>(i), end[1] = words[i];
            end += words[i] != 0 ? 2 : 0;
          }
          spans_of(entries, (end - entries) / 2, 2, g.down, band, g.columns, spans);
          entries = end;
        } else {
          memset(words + count, 0, (word_count * word_bits - count) * sizeof(uint32_t));
          for (long i = 0; i < word_count; i++) transpose(words + i * word_bits, strings + i, word_count);
          entries = channel_lists(g, strings, word_count, band, entries, blocks->lists, spans);
        }
      }
}

template <class X>
Status spike_convolve(const ConvShape& s, const X& x, const float* w, float* y) {
  const SpikeGrid g(s);
  int planes[X::planes];
  long plane_count = 0;
  const unsigned planes_used = x.planes_used(s.x());
  for (int p = 0; p < X::planes; p++)
    if (planes_used >> p & 1) planes[plane_count++] = p;
  const long panels = ceil_div(s.K, lanes);
  const long bands = ceil_div(g.total, max(1, spike_band / g.columns)), band = ceil_div(g.total, bands);
  // Few bands leave threads idle: then panels of output channels are shared out as well.
  const long groups = min(panels, ceil_div(4L * thread_count(), bands));
  const long blocks = g.phases() * plane_count * g.words;
  const long positions = ceil_div((band + g.down) * g.columns, word_bits) * word_bits;
  // A block has at most `table_spikes` entries for each position, or two numbers for each.
  const size_t entries = blocks * positions * table_spikes + append_slack;
  const size_t block_floats = blocks * (sizeof(SpikeBlock) / sizeof(float));
  const size_t span_floats = blocks * word_bits * (g.down + 1) * (sizeof(SpikeSpan) / sizeof(float));
  bool failed = false;
  parallel(bands * groups, [&](long task) {
    const long from = task / groups * band, rows = min(band, g.total - from), group = task % groups;
    if (rows <= 0) return;
    float* sums = scratch(1, table_floats + word_bits * lanes + (g.right + rows * g.columns) * lanes);
    float* lists = scratch(2, block_floats + span_floats + entries);
    float* read = scratch(3, 2 * positions + word_bits);
    if (sums == nullptr || lists == nullptr || read == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    float *table = sums, *copied = table + table_floats;
    sums = copied + word_bits * lanes;
    SpikeBlock* block = reinterpret_cast<SpikeBlock*>(lists);
    SpikeSpan* span = reinterpret_cast<SpikeSpan*>(lists + block_floats);
    uint32_t* words = reinterpret_cast<uint32_t*>(read);
    read_blocks(g, x, planes, plane_count, from, rows, words, words + positions,
                reinterpret_cast<uint32_t*>(lists + block_floats + span_floats), block, span);
    for (long panel_at = panels * group / groups; panel_at < panels * (group + 1) / groups; panel_at++) {
      const long k0 = panel_at * lanes, columns = min(lanes, s.K - k0);
      memset(sums, 0, (g.right + rows * g.columns) * lanes * sizeof(float));
      for (long tap = 0; tap < s.KH * s.KW; tap++) {
        const long kh = tap / s.KW, kw = tap % s.KW, down = kh / s.sh;
        const long phase = kh % s.sh * g.phases_w + kw % s.sw;
        // The output of position p is at[p * lanes].
        float* at = sums + (g.right - down * g.columns - kw / s.sw) * lanes;
        for (long k = 0; k < g.words; k++) {
          const float* filter = w + (tap * s.C + k * word_bits) * s.K + k0;
          // The next 32 rows, unless these are the last.
          if (tap * s.C + (k + 1) * word_bits < s.KH * s.KW * s.C)
            for (long r = 0; r < word_bits; r++) {
              __builtin_prefetch(filter + (word_bits + r) * s.K, 0, 2);
              __builtin_prefetch(filter + (word_bits + r) * s.K + columns - 1, 0, 2);
            }
          for (long p = 0; p < plane_count; p++) {
            const long index = (phase * plane_count + p) * g.words + k;
            const SpikeBlock& b = block[index];
            const SpikeSpan* spans = span + index * word_bits * (g.down + 1);
            const float* rows_in = filter;
            long step = s.K;
            if (planes[p] != 0 || columns < lanes) {
              copy_rows(filter, s.K, word_bits, columns, static_cast<float>(1 << planes[p]), copied);
              rows_in = copied, step = lanes;
            }
            if (b.whole) {
              make_table(rows_in, step, table);
              for (long i = spans[down].from; i < spans[down].to; i++) {
                const uint32_t* entry = b.lists[0] + i * 2;
                add_selected(table, entry[1], at + static_cast<long>(entry[0]) * lanes);
              }
              continue;
            }
            for (long c = 0; c < word_bits; c++, spans += g.down + 1) {
              const SpikeSpan range = spans[down];
              if (range.from == range.to) continue;
              Vector row[lane_vectors];
              for (long v = 0; v < lane_vectors; v++) row[v] = load(rows_in + c * step + v * width);
              for (long i = range.from; i < range.to; i++) {
                float* to = at + static_cast<long>(b.lists[c][i]) * lanes;
                for (long v = 0; v < lane_vectors; v++) store(to + v * width, load(to + v * width) + row[v]);
              }
            }
          }
        }
      }
      for (long r = 0; r < rows; r++) {
        const long n = (from + r) / g.rows, m = (from + r) % g.rows;
        if (m >= s.OH) continue;
        const float* row = sums + (g.right + r * g.columns) * lanes;
        float* to = y + (n * s.OH + m) * s.OW * s.K + k0;
        for (long q = 0; q < s.OW; q++) copy_row(row + q * lanes, columns, to + q * s.K);
      }
    }
  });
  return failed ? Status::out_of_memory : Status::ok;
}

// Whether spike kernels take a convolution.
inline void check_spikes(Arguments& args, const ConvShape& s) {
  if (s.C % word_bits != 0 || s.dh != 1 || s.dw != 1) args.fail(Status::wrong_arguments);
}

template <class X>
Status spike_conv2d(Arguments& args, const ConvShape& s) {
  const X x = {X::read(args, s.x())};
  const float* w = args.floats(s.w());
  float* y = args.floats(s.y());
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0) return Status::ok;
  if (s.C == 0) return memset(y, 0, s.y() * sizeof(float)), Status::ok;
  return spike_convolve(s, x, w, y);
}

// x, w -> y; x is bits in words, or counts in bytes.
Status spikeConv2d(const Call& call) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  check_spikes(args, s);
  return args.next_type() == Type::uint8 ? spike_conv2d<Counts>(args, s) : spike_conv2d<Bits>(args, s);
}
