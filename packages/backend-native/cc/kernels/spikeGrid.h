// Spikes as convolutions see them: 0/1 in bits, or small counts in bytes, NHWC, 32 channels to a word. A count is taken
// for the spikes of its binary digits, `plane` by plane; those of plane p weigh 2^p.
//
// A convolution moves an image past a filter. On a grid that is as wide as the outputs and the filter's reach together, a
// move by a tap is a move along one line, whatever row a position is in, and no tap needs a check:
//
//   grid, 4 x 4 outputs, 3 x 3 filter:  x x x x x x     x: inputs, with the zeros that pad them
//                                       x x x x x x     the outputs are the upper left 4 x 4; what falls into the last
//                                       x x x x x x     columns and rows is dropped
//                                       x x x x x x
//                                       x x x x x x     input p meets tap (i, j) in output p - (i * columns + j)
//                                       x x x x x x
//
// Images follow each other on the line. With strides there are several such grids, one for the inputs of every phase
// (row mod stride, column mod stride), each with its own taps.

constexpr long lanes = 32;       // columns of filter and gradient that are worked on together

struct Bits {
  typedef const int32_t* Data;
  static constexpr int planes = 1;
  Data data;
  uint32_t word(long i, int) const { return static_cast<uint32_t>(data[i]); }
  static Data read(Arguments& args, long elements) { return args.ints(elements / word_bits); }
  unsigned planes_used(long) const { return 1; }
};

struct Counts {
  typedef const uint8_t* Data;
  static constexpr int planes = 8;
  Data data;
  uint32_t word(long i, int plane) const {
    uint32_t result = 0;
    for (int part = 0; part < 4; part++) {
      uint64_t bytes;
      memcpy(&bytes, data + i * word_bits + part * 8, sizeof bytes);
      // Moves the last bit of byte b to bit 56 + b.
      bytes = (bytes >> plane & 0x0101010101010101) * 0x0102040810204080;
      result |= static_cast<uint32_t>(bytes >> 56) << (part * 8);
    }
    return result;
  }
  static Data read(Arguments& args, long elements) { return args.bytes(elements); }
  // A bit for each plane that is not empty.
  unsigned planes_used(long elements) const {
    constexpr long part = 1 << 16;
    unsigned used = 0;
    parallel(ceil_div(elements, part), [&](long task) {
      unsigned mine = 0;
      for (long i = task * part; i < min(elements, (task + 1) * part); i++) mine |= data[i];
      __atomic_fetch_or(&used, mine, __ATOMIC_RELAXED);
    });
    return used;
  }
};

struct SpikeGrid {
  ConvShape s;
  long down, right;            // how far the filter reaches, in positions
  long rows, columns;          // of an image
  long total;                  // rows of all images up to the last output
  long phases_h, phases_w;     // those that have taps
  long words;                  // of a pixel

  explicit SpikeGrid(const ConvShape& shape) : s(shape) {
    down = (s.KH - 1) / s.sh, right = (s.KW - 1) / s.sw;
    rows = s.OH + down, columns = s.OW + right;
    total = s.N * rows - down;
    phases_h = min(s.sh, s.KH), phases_w = min(s.sw, s.KW);
    words = s.C / word_bits;
  }
  long phases() const { return phases_h * phases_w; }

  // Word k of the channels at each position of `count` rows from row `from` on.
  template <class X>
  void read(const X& x, int plane, long phase, long k, long from, long count, uint32_t* to) const {
    memset(to, 0, count * columns * sizeof(uint32_t));
    const long top = phase / phases_w - s.pt, left = phase % phases_w - s.pl;
    const long begin = left < 0 ? ceil_div(-left, s.sw) : 0;
    const long end = left < s.IW ? min(columns, (s.IW - 1 - left) / s.sw + 1) : 0;
    for (long r = 0; r < count && (from + r) / rows < s.N; r++) {
      const long n = (from + r) / rows, i = (from + r) % rows * s.sh + top;
      if (i < 0 || i >= s.IH) continue;
      const long row = (n * s.IH + i) * s.IW + left;
      for (long q = begin; q < end; q++) to[r * columns + q] = x.word((row + q * s.sw) * words + k, plane);
    }
  }
};

inline long count_spikes(const uint32_t* words, long n) {
  long spikes = 0;
  for (long i = 0; i < n; i++) spikes += __builtin_popcount(words[i]);
  return spikes;
}

template <int J>
inline void swap_bits(uint32_t* a, uint32_t mask) {
  for (int i = 0; i < word_bits; i += 2 * J)
    for (int k = i; k < i + J; k++) {
      const uint32_t t = (a[k] >> J ^ a[k + J]) & mask;
      a[k] ^= t << J;
      a[k + J] ^= t;
    }
}

// Turns 32 words of 32 bits about: bit j of word i becomes bit i of word j. Those words are stored `step` apart.
inline void transpose(const uint32_t* words, uint32_t* to, long step) {
#if defined(__AVX512F__)
  const __m512i low = _mm512_loadu_si512(words), high = _mm512_loadu_si512(words + 16);
  __m512i bit = _mm512_set1_epi32(1);
  for (int i = 0; i < word_bits; i++, bit = _mm512_add_epi32(bit, bit))
    to[i * step] = static_cast<uint32_t>(_mm512_test_epi32_mask(high, bit)) << 16 | _mm512_test_epi32_mask(low, bit);
#else
  uint32_t a[word_bits];
  memcpy(a, words, sizeof a);
  swap_bits<16>(a, 0x0000ffff);
  swap_bits<8>(a, 0x00ff00ff);
  swap_bits<4>(a, 0x0f0f0f0f);
  swap_bits<2>(a, 0x33333333);
  swap_bits<1>(a, 0x55555555);
  for (int i = 0; i < word_bits; i++) to[i * step] = a[i];
#endif
}

// Appends the positions of a word's bits, counted from `at`; writes up to 32 numbers past the end.
inline uint32_t* append_positions(uint32_t word, uint32_t at, uint32_t* to) {
#if defined(__AVX512F__)
  // Without a branch that the spikes decide.
  const __m512i first = _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                         _mm512_set1_epi32(static_cast<int>(at)));
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(16));
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(word), first));
  to += __builtin_popcount(word & 0xffff);
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(word >> 16), second));
  return to + __builtin_popcount(word >> 16);
#else
  for (; word != 0; word &= word - 1) *to++ = at + static_cast<uint32_t>(__builtin_ctz(word));
  return to;
#endif
}
constexpr long append_slack = 32;

// Entries of a list, `step` numbers each and in order of their first number, which come before position `at`.
inline uint32_t entries_before(const uint32_t* list, long count, long step, long at) {
  long low = 0;
  while (count > 0) {
    const long half = count / 2;
    const bool before = list[(low + half) * step] < at;
    low = before ? low + half + 1 : low;
    count = before ? count - half - 1 : half;
  }
  return static_cast<uint32_t>(low);
}

// Where the spikes of each of 32 channels are: positions in ascending order. For inputs `t` rows down, a band of `band`
// output rows takes entries from[t] ... to[t].
struct SpikeSpan {
  uint32_t from, to;
};

inline void spans_of(const uint32_t* list, long count, long step, long rows_down, long band, long columns, SpikeSpan* to) {
  for (long t = 0; t <= rows_down; t++)
    to[t] = {t == 0 ? 0 : entries_before(list, count, step, t * columns),
             t == rows_down ? static_cast<uint32_t>(count) : entries_before(list, count, step, (t + band) * columns)};
}

// Lists of 32 channels from words of 32 positions each, [channel][word_count]. Returns the end of the entries.
inline uint32_t* channel_lists(const SpikeGrid& g, const uint32_t* strings, long word_count, long band, uint32_t* entries,
                               const uint32_t** lists, SpikeSpan* spans) {
  for (long c = 0; c < word_bits; c++) {
    uint32_t* end = entries;
    for (long i = 0; i < word_count; i++)
      if (const uint32_t word = strings[c * word_count + i])
        end = append_positions(word, static_cast<uint32_t>(i * word_bits), end);
    lists[c] = entries;
    spans_of(entries, end - entries, 1, g.down, band, g.columns, spans + c * (g.down + 1));
    entries = end;
  }
  return entries;
}

// All sums of four rows, for eight fours of rows: table[four][bits][lanes]. Adding up the rows that a word's bits select
// then takes eight additions, however many bits there are, and no branch:
//
//   word  0110 0000 ... 1011
//           |    |        `--- table[0][11] = row 0 + row 1 + row 3
//           |    `------------ table[6][0]  = 0
//           `----------------- table[7][6]  = row 29 + row 30
constexpr long fours = word_bits / 4;
constexpr long table_floats = fours * 16 * lanes;

inline void make_table(const float* rows, long step, float* table) {
  for (long four = 0; four < fours; four++, rows += 4 * step, table += 16 * lanes)
    for (long v = 0; v < lanes; v += width) {
      Vector sum[16];
      sum[0] = Vector{};
#pragma GCC unroll 4
      for (int r = 0; r < 4; r++) {
        const Vector row = load(rows + r * step + v);
#pragma GCC unroll 8
        for (int bits = 0; bits < 1 << r; bits++) sum[(1 << r) + bits] = sum[bits] + row;
      }
#pragma GCC unroll 16
      for (int bits = 0; bits < 16; bits++) store(table + bits * lanes + v, sum[bits]);
    }
}

// y[0 .. lanes) += the sum of the rows that the word selects
inline void add_selected(const float* table, uint32_t word, float* y) {
  const float* row[fours];
#pragma GCC unroll 8
  for (long f = 0; f < fours; f++) row[f] = table + f * 16 * lanes + (word >> (4 * f) & 15) * lanes;
#pragma GCC unroll 8
  for (long v = 0; v < lanes; v += width) {
    Vector even = load(y + v) + load(row[0] + v), odd = load(row[1] + v);
#pragma GCC unroll 8
    for (long f = 2; f < fours; f += 2) even += load(row[f] + v), odd += load(row[f + 1] + v);
    store(y + v, even + odd);
  }
}

constexpr long lane_vectors = lanes / width;

// One row of a panel of output channels, where whole panels are the rule.
inline void copy_row(const float* from, long columns, float* to) {
  if (columns == lanes)
    memcpy(to, from, lanes * sizeof(float));
  else
    memcpy(to, from, columns * sizeof(float));
}

// `count` rows of `columns` numbers, times `scale`, as rows of all lanes with zeros at the end.
inline void copy_rows(const float* rows, long step, long count, long columns, float scale, float* to) {
  for (long r = 0; r < count; r++)
    for (long k = 0; k < lanes; k++) to[r * lanes + k] = k < columns ? rows[r * step + k] * scale : 0;
}
