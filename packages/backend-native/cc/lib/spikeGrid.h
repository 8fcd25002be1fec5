// Spikes as convolutions read them: 0/1 in bits, or small counts in bytes, NHWC, 32 channels to a word. A count is the sum
// of its binary digits, one `plane` each; spikes of plane p have the weight 2^p.
//
// A convolution moves an image past a filter. On a grid as wide as what the outputs see, a move by a tap is a move
// along one line, whatever row a position is in, and no tap needs a check:
//
//   a 3 x 3 filter on an image of 4 x 4 with zeros (.) about it:
//
//      . . . . .    The zeros at the end of a row are those at the start of the next.
//      . x x x x    An input at position p of the line meets tap (i, j) in output p - (i * columns + j).
//      . x x x x    The outputs are the upper left 4 x 4; what falls into the last column or row is dropped.
//      . x x x x
//      . x x x x
//
// Images follow each other on the line. With strides there are several such grids, one for the inputs of every phase
// (row mod stride, column mod stride), each with its own taps.
#pragma once
#include "convShape.h"
#include "finite.h"
#include "vectors.h"

constexpr long lanes = 32;  // output channels of a panel, unless a kernel takes more

struct Bits {
  typedef const int32_t* Data;
  Data data;
  uint32_t word(long i, int) const { return static_cast<uint32_t>(data[i]); }
  static Data read(Arguments& args, long elements) { return args.ints(elements / word_bits); }
  // A bit for each plane that may have spikes.
  unsigned planes_used(long) const { return 1; }
};

struct Counts {
  typedef const uint8_t* Data;
  Data data;
  uint32_t word(long i, int plane) const {
    const uint8_t* counts = data + i * word_bits;
#if defined(__AVX2__)
    const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(counts));
    return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_sll_epi16(all, _mm_cvtsi32_si128(7 - plane))));
#else
    uint32_t result = 0;
    for (int part = 0; part < 4; part++) {
      uint64_t bytes;
      memcpy(&bytes, counts + part * 8, sizeof bytes);
      // Moves the last bit of byte b to bit 56 + b.
      bytes = (bytes >> plane & 0x0101010101010101) * 0x0102040810204080;
      result |= static_cast<uint32_t>(bytes >> 56) << (part * 8);
    }
    return result;
#endif
  }
  static Data read(Arguments& args, long elements) { return args.bytes(elements); }
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

// Along one axis, the padding zeros that a row (or image) can share with the next: the smaller of those before and after
// it, over all phases.
inline long shared_zeros(long reach, long in, long out, long stride, long pad, long phases) {
  const long before = pad >= phases ? ceil_div(pad - (phases - 1), stride) : 0;
  const long last = in + pad > 0 ? (in - 1 + pad) / stride : -1;
  return min(reach, min(before, max(0, out + reach - 1 - last)));
}

// The planes that are not empty.
struct SpikePlanes {
  int at[8];
  long count = 0;
  template <class X>
  SpikePlanes(const X& x, long elements) {
    const unsigned used = x.planes_used(elements);
    for (int p = 0; p < 8; p++)
      if (used >> p & 1) at[count++] = p;
  }
  float weight(long i) const { return static_cast<float>(1 << at[i]); }
};

// In a trace: the paths of the event-driven kernels, and what several planes cost.
constexpr const char* list_path = "event-driven list";
constexpr const char* table_path = "event-driven table";
inline const char* reason_of(const SpikePlanes& planes) {
  constexpr const char* reasons[] = {
      "counts of 2 binary digits take 2 passes; AND and IAND keep bits",
      "counts of 3 binary digits take 3 passes; AND and IAND keep bits",
      "counts of 4 binary digits take 4 passes; AND and IAND keep bits",
      "counts of 5 to 8 binary digits take as many passes; AND and IAND keep bits",
  };
  return planes.count < 2 ? nullptr : reasons[min(planes.count, 5) - 2];
}

struct SpikeGrid {
  ConvShape s;
  long down, right;         // how far the filter reaches, in positions
  long rows, columns;       // of an image
  long total;               // rows of all images up to the last output
  long phases_h, phases_w;  // those that have taps
  long words;               // of a pixel

  // `joined`: a position has all pixels that the stride passes in a row, so that columns have one phase.
  explicit SpikeGrid(const ConvShape& shape, bool joined = false) : s(shape) {
    down = (s.KH - 1) / s.sh, right = (s.KW - 1) / s.sw;
    phases_h = min(s.sh, s.KH), phases_w = joined ? 1 : min(s.sw, s.KW);
    rows = s.OH + down - shared_zeros(down, s.IH, s.OH, s.sh, s.pt, phases_h);
    columns = s.OW + right - shared_zeros(right, s.IW, s.OW, s.sw, s.pl, joined ? s.sw : phases_w);
    total = (s.N - 1) * rows + s.OH;
    words = s.C / word_bits;
  }
  long phases() const { return phases_h * phases_w; }

  // Word k of the channels at each position of `count` rows from row `from` on, into zeros.
  template <class X>
  void read(const X& x, int plane, long phase, long k, long from, long count, uint32_t* to) const {
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

  // The input pixel at each of `count` positions of a phase from row `from` on; -1 where there is none.
  void pixels(long phase, long from, long count, long* to) const {
    const long top = phase / phases_w - s.pt, left = phase % phases_w - s.pl;
    for (long r = 0; count > 0; r++, to += columns, count -= columns) {
      const long n = (from + r) / rows, i = (from + r) % rows * s.sh + top;
      const bool inside = n < s.N && i >= 0 && i < s.IH;
      for (long q = 0; q < min(columns, count); q++) {
        const long j = q * s.sw + left;
        to[q] = inside && j >= 0 && j < s.IW ? (n * s.IH + i) * s.IW + j : -1;
      }
    }
  }
};

inline long count_spikes(const uint32_t* words, long n) {
  long spikes = 0;
  for (long i = 0; i < n; i++) spikes += __builtin_popcount(words[i]);
  return spikes;
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

// All sums of four rows, for each group of four: table[four][bits][Lanes]. Adding the rows that a word's bits select then
// takes one addition for each four, however many bits are set, and no branch. For a word of 32 bits:
//
//   word  0110 0000 ... 1011
//           |    |        `--- table[0][11] = row 0 + row 1 + row 3
//           |    `------------ table[6][0]  = 0
//           `----------------- table[7][6]  = row 29 + row 30
template <class Word, long Lanes>
constexpr long table_floats = sizeof(Word) * 2 * 16 * Lanes;

template <class Word, long Lanes>
inline void make_table(const float* rows, long step, float* table) {
  for (const float* end = table + table_floats<Word, Lanes>; table < end; rows += 4 * step, table += 16 * Lanes)
    for (long v = 0; v < Lanes; v += width) {
      Vector sum[16];
      sum[0] = Vector{};
#pragma GCC unroll 4
      for (int r = 0; r < 4; r++) {
        const Vector row = load(rows + r * step + v);
#pragma GCC unroll 8
        for (int bits = 0; bits < 1 << r; bits++) sum[(1 << r) + bits] = sum[bits] + row;
      }
#pragma GCC unroll 16
      for (int bits = 0; bits < 16; bits++) store(table + bits * Lanes + v, sum[bits]);
    }
}

// Rows that are added to make a table for the bits of a word.
constexpr double rows_in_table(long bits) { return static_cast<double>(bits / 4 * 15); }

// Where a table has the sum that the word's bits of a four select, in bytes from that four's part.
template <long Lanes, class Word>
inline long selected(Word word, int four) {
  constexpr int row = __builtin_ctz(Lanes * sizeof(float));
  const int shift = 4 * four - row;
  return static_cast<long>((shift < 0 ? word << -shift : word >> shift) & (15 << row));
}

// y[0 .. Lanes) += the sum of the rows that the word selects
template <long Lanes, class Word>
inline void add_selected(const float* table, Word word, float* y) {
  constexpr int fours = sizeof(Word) * 2;
  const char* bytes = reinterpret_cast<const char*>(table);
  Vector even[Lanes / width], odd[Lanes / width] = {};
#pragma GCC unroll 8
  for (long v = 0; v < Lanes / width; v++) even[v] = load(y + v * width);
#pragma GCC unroll 16
  for (int f = 0; f < fours; f++) {
    const float* row = reinterpret_cast<const float*>(bytes + f * 16 * Lanes * sizeof(float) + selected<Lanes>(word, f));
#pragma GCC unroll 8
    for (long v = 0; v < Lanes / width; v++) (f % 2 == 0 ? even : odd)[v] += load(row + v * width);
  }
#pragma GCC unroll 8
  for (long v = 0; v < Lanes / width; v++) store(y + v * width, even[v] + odd[v]);
}

constexpr long lane_vectors = lanes / width;

// Copies a row of a panel of output channels. Most panels are whole.
template <long Lanes>
inline void copy_row(const float* from, long columns, float* to) {
  if (columns == Lanes)
    memcpy(to, from, Lanes * sizeof(float));
  else
    memcpy(to, from, columns * sizeof(float));
}

// The same, and marks what is not finite.
template <long Lanes>
inline Vector copy_row(const float* from, long columns, float* to, Vector marks) {
  const auto copy = [&](long k, long count) {
    const Vector v = load_part(from + k, count);
    store(to + k, v);
    marks = mark(marks, v);
  };
  for_vectors(0, columns == Lanes ? Lanes : columns, copy);
  return marks;
}

// `count` rows of `columns` numbers, times `scale`, as rows of all lanes with zeros at the end.
template <long Lanes>
inline void copy_rows(const float* rows, long step, long count, long columns, float scale, float* to) {
  for (long r = 0; r < count; r++, rows += step, to += Lanes) {
    // The row 32 rows later. Past the end the prefetch has no effect.
    for (long k = 0; k < Lanes; k += 16) __builtin_prefetch(rows + word_bits * step + k);
    if (columns == Lanes) {
      for (long k = 0; k < Lanes; k += width) store(to + k, load(rows + k) * splat(scale));
    } else {
      for (long k = 0; k < Lanes; k++) to[k] = k < columns ? rows[k] * scale : 0;
    }
  }
}
