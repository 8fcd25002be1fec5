// Max and average pooling of NHWC images, and their gradients. Images are divided among threads. Of equal maxima the first,
// row by row, receives the gradient.
#pragma once
#include "../lib/arguments.h"
#include "../lib/finite.h"
#include "../lib/vectors.h"
#include "spikes.h"

struct PoolShape {
  long N, IH, IW, C, OH, OW, KH, KW, sh, sw, pt, pl, dh, dw;
  long x() const { return product(N, IH, IW, C); }
  long y() const { return product(N, OH, OW, C); }
  // Whether every pixel lies in just one window, as when images are halved.
  bool tiles() const {
    return KH == sh && KW == sw && dh == 1 && dw == 1 && pt >= 0 && pl >= 0 && OH * sh - pt >= IH && OW * sw - pl >= IW;
  }
};

inline PoolShape pool_shape(Arguments& args) {
  PoolShape s;
  s.N = args.integer(), s.IH = args.integer(), s.IW = args.integer(), s.C = args.integer();
  s.OH = args.integer(), s.OW = args.integer();
  s.KH = args.integer(1, most_step), s.KW = args.integer(1, most_step);
  s.sh = args.integer(1, most_step), s.sw = args.integer(1, most_step);
  s.pt = args.offset(), s.pl = args.offset();
  s.dh = args.integer(1, most_step), s.dw = args.integer(1, most_step);
  return s;
}

// Calls f(offset of the input pixel's channels) for each pixel of the window of output (i, j) that lies inside.
template <class F>
inline void for_window(const PoolShape& s, long i, long j, const F& f) {
  for (long a = 0; a < s.KH; a++) {
    const long h = i * s.sh - s.pt + a * s.dh;
    if (h < 0 || h >= s.IH) continue;
    for (long b = 0; b < s.KW; b++) {
      const long w = j * s.sw - s.pl + b * s.dw;
      if (w >= 0 && w < s.IW) f((h * s.IW + w) * s.C);
    }
  }
}

// One row of outputs per task, for kernels that write only their own outputs.
template <class F>
inline void for_output_rows(const PoolShape& s, const F& f) {
  parallel(s.N * s.OH, [&](long task) { f(task / s.OH, task % s.OH); });
}

inline void max_pool(const PoolShape& s, const float* x, float* y) {
  for_output_rows(s, [&](long n, long i) {
    const float* image = x + n * s.IH * s.IW * s.C;
    for (long j = 0; j < s.OW; j++) {
      float* __restrict to = y + ((n * s.OH + i) * s.OW + j) * s.C;
      for (long c = 0; c < s.C; c++) to[c] = -INFINITY;
      for_window(s, i, j, [&](long at) {
        const float* __restrict from = image + at;
        for (long c = 0; c < s.C; c++) to[c] = from[c] > to[c] ? from[c] : to[c];
      });
    }
  });
}

inline uint8_t most_of(uint8_t a, uint8_t b) { return a > b ? a : b; }
inline uint32_t most_of(uint32_t a, uint32_t b) { return a | b; }

// A row of outputs of counts, or of words of bits, of which s.C are a pixel; `Some` of a pixel at a time, of which it has a
// multiple. An empty window has 0.
template <long Some, class T>
void max_pool_row(const PoolShape& s, const T* image, long i, T* __restrict to) {
  // Local copies, since bytes that are written may alias s.
  const long channels = s.C, height = s.IH, width = s.IW, outputs = s.OW, rows = s.KH, columns = s.KW;
  const long stride = s.sw, below = s.dh, beside = s.dw, top = i * s.sh - s.pt;
  for (long j = 0, left = -s.pl; j < outputs; j++, left += stride)
    for (long c = 0; c < channels; c += Some, to += Some) {
      T most[Some] = {};
      for (long a = 0, h = top; a < rows; a++, h += below) {
        if (h < 0 || h >= height) continue;
        for (long b = 0, w = left; b < columns; b++, w += beside) {
          if (w < 0 || w >= width) continue;
          const T* from = image + (h * width + w) * channels + c;
          for (long k = 0; k < Some; k++) most[k] = most_of(from[k], most[k]);
        }
      }
      memcpy(to, most, sizeof most);
    }
}

template <class T>
void max_pool_of_spikes(const PoolShape& s, const T* x, T* y) {
  constexpr long vector = 32 / sizeof(T);
  const auto row = s.C % vector == 0         ? max_pool_row<vector, T>
                   : s.C % (vector / 4) == 0 ? max_pool_row<vector / 4, T>
                                             : max_pool_row<1, T>;
  for_output_rows(s, [&](long n, long i) {
    row(s, x + n * s.IH * s.IW * s.C, i, y + (n * s.OH + i) * s.OW * s.C);
  });
}

// x -> y, as floats, counts, or bits whose channels are whole words. Spikes have no value for an empty window.
SEW_KERNEL(maxPool) {
  Arguments args(call);
  PoolShape s = pool_shape(args);
  switch (args.next_type()) {
    case Type::float32: {
      const float* x = args.floats(s.x());
      float* y = args.floats(s.y());
      if (args.status == Status::ok && s.y() > 0) max_pool(s, x, y);
      break;
    }
    case Type::uint8: {
      const uint8_t* x = args.bytes(s.x());
      uint8_t* y = args.bytes(s.y());
      if (args.status == Status::ok && s.y() > 0) max_pool_of_spikes(s, x, y);
      break;
    }
    case Type::int32: {
      if (s.C % word_bits != 0) args.fail(Status::wrong_type);
      const uint32_t* x = args.bits(s.x());
      uint32_t* y = args.bits(s.y());
      s.C /= word_bits;
      if (args.status == Status::ok && s.y() > 0) max_pool_of_spikes(s, x, y);
      break;
    }
    default: args.fail(Status::wrong_type);
  }
  return args.status;
}

// The value that a gradient is added to: the sum so far, or 0 where windows do not overlap.
template <bool Tiles>
inline Vector sum_so_far(const float* p, long n) {
  return Tiles ? Vector{} : load_part(p, n);
}

// One image of floats.
template <bool Tiles>
inline void max_pool_grad(const PoolShape& s, const float* dy, const float* image, float* into, float* best,
                          int32_t* where) {
  for (long i = 0; i < s.OH; i++)
    for (long j = 0; j < s.OW; j++) {
      const float* __restrict g = dy + (i * s.OW + j) * s.C;
      for (long c = 0; c < s.C; c++) best[c] = -INFINITY, where[c] = -1;
      int32_t tap = 0;
      for_window(s, i, j, [&](long at) {
        const float* __restrict from = image + at;
        for (long c = 0; c < s.C; c++) {
          const bool more = from[c] > best[c];
          best[c] = more ? from[c] : best[c];
          where[c] = more ? tap : where[c];
        }
        tap++;
      });
      tap = 0;
      for_window(s, i, j, [&](long at) {
        float* __restrict to = into + at;
        for (long c = 0; c < s.C; c++) to[c] = (Tiles ? 0.0f : to[c]) + (where[c] == tap ? g[c] : 0.0f);
        tap++;
      });
    }
}

// The window of output (i, j) in `lanes` channels of counts from c on: the first that is the most gets the gradient.
template <bool Tiles>
__attribute__((always_inline)) inline void max_pool_grad_of_window(const PoolShape& s, long i, long j, long c,
                                                                   long lanes, const float* g, const uint8_t* image,
                                                                   float* into) {
  IntVector most = {};
  for_window(s, i, j, [&](long at) {
    const IntVector value = load_counts(image + at + c, lanes), more = value > most;
    most = (more & value) | (~more & most);
  });
  const IntVector gradient = (IntVector)load_part(g + c, lanes);
  IntVector left = ~IntVector{};
  for_window(s, i, j, [&](long at) {
    const IntVector chosen = (load_counts(image + at + c, lanes) == most) & left;
    left &= ~chosen;
    float* to = into + at + c;
    store_part(to, sum_so_far<Tiles>(to, lanes) + (Vector)(chosen & gradient), lanes);
  });
}

// One image of counts. Whole vectors apart from the rest, so that their number of lanes is a constant.
template <bool Tiles>
inline void max_pool_grad_of_counts(const PoolShape& s, const float* dy, const uint8_t* image, float* into) {
  for (long i = 0; i < s.OH; i++)
    for (long j = 0; j < s.OW; j++) {
      const float* g = dy + (i * s.OW + j) * s.C;
      long c = 0;
      for (; c + width <= s.C; c += width) max_pool_grad_of_window<Tiles>(s, i, j, c, width, g, image, into);
      if (c < s.C) max_pool_grad_of_window<Tiles>(s, i, j, c, s.C - c, g, image, into);
    }
}

// One image of bits: the first that is set gets the gradient, and the first of all where none is.
template <bool Tiles>
inline void max_pool_grad_of_bits(const PoolShape& s, const float* dy, const uint32_t* image, float* into) {
  for (long i = 0; i < s.OH; i++)
    for (long j = 0; j < s.OW; j++)
      for (long c = 0; c < s.C; c += word_bits) {
        const float* g = dy + (i * s.OW + j) * s.C + c;
        uint32_t any = 0;
        for_window(s, i, j, [&](long at) { any |= image[(at + c) / word_bits]; });
        // Adding 0 where none is chosen has no effect: a sum that starts at 0 is never -0.
        uint32_t left = ~uint32_t{0}, none = ~any;
        for_window(s, i, j, [&](long at) {
          const uint32_t chosen = (image[(at + c) / word_bits] & left) | none;
          left &= ~chosen, none = 0;
          float* to = into + at + c;
          if (chosen == 0 && !Tiles) return;
          for (long k = 0; k < word_bits; k += width)
            store(to + k, sum_so_far<Tiles>(to + k, width) + where_set(chosen >> k, load(g + k)));
        });
      }
}

// All images, of floats or of spikes.
template <bool Tiles>
Status max_pool_grads(const PoolShape& s, const float* dy, const float* x, const Spikes& spikes, float* dx) {
  const long size = s.IH * s.IW * s.C;
  Outcome outcome;
  parallel(s.N, [&](long n) {
    const float* g = dy + n * s.OH * s.OW * s.C;
    float* into = dx + n * size;
    if (!Tiles) memset(into, 0, size * sizeof(float));
    if (spikes.counts != nullptr) return max_pool_grad_of_counts<Tiles>(s, g, spikes.counts + n * size, into);
    if (spikes.bits != nullptr) return max_pool_grad_of_bits<Tiles>(s, g, spikes.bits + n * size / word_bits, into);
    float* best = scratch(0, s.C);
    int32_t* where = reinterpret_cast<int32_t*>(scratch(1, s.C));
    if (best == nullptr || where == nullptr)
      outcome.lacks_memory();
    else
      max_pool_grad<Tiles>(s, g, x + n * size, into, best, where);
  });
  return outcome.status();
}

// dy, x -> dx; x as floats, counts, or bits whose channels are whole words
SEW_KERNEL(maxPoolGrad) {
  Arguments args(call);
  const PoolShape s = pool_shape(args);
  const float* dy = args.floats(s.y());
  const bool floats = args.next_type() == Type::float32;
  const float* x = floats ? args.floats(s.x()) : nullptr;
  const Spikes spikes = floats ? Spikes{} : read_spikes(args, s.x());
  float* dx = args.floats(s.x());
  if (spikes.bits != nullptr && s.C % word_bits != 0) args.fail(Status::wrong_type);
  if (args.status != Status::ok) return args.status;
  if (s.x() == 0 || s.y() == 0) return memset(dx, 0, s.x() * sizeof(float)), Status::ok;
  return s.tiles() ? max_pool_grads<true>(s, dy, x, spikes, dx) : max_pool_grads<false>(s, dy, x, spikes, dx);
}

// x -> y: the mean of the pixels that lie inside.
SEW_KERNEL(avgPool) {
  Arguments args(call);
  const PoolShape s = pool_shape(args);
  const float* x = args.floats(s.x());
  float* y = args.floats(s.y());
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0) return Status::ok;
  for_output_rows(s, [&](long n, long i) {
    const float* image = x + n * s.IH * s.IW * s.C;
    for (long j = 0; j < s.OW; j++) {
      float* __restrict to = y + ((n * s.OH + i) * s.OW + j) * s.C;
      memset(to, 0, s.C * sizeof(float));
      float count = 0;
      for_window(s, i, j, [&](long at) {
        const float* __restrict from = image + at;
        for (long c = 0; c < s.C; c++) to[c] += from[c];
        count++;
      });
      for (long c = 0; c < s.C; c++) to[c] /= count;
    }
  });
  return Status::ok;
}

// dy -> dx
SEW_KERNEL(avgPoolGrad) {
  Arguments args(call);
  const PoolShape s = pool_shape(args);
  const float* dy = args.floats(s.y());
  float* dx = args.floats(s.x());
  if (args.status != Status::ok) return args.status;
  if (s.x() == 0 || s.y() == 0) return memset(dx, 0, s.x() * sizeof(float)), Status::ok;
  parallel(s.N, [&](long n) {
    float* into = dx + n * s.IH * s.IW * s.C;
    memset(into, 0, s.IH * s.IW * s.C * sizeof(float));
    for (long i = 0; i < s.OH; i++)
      for (long j = 0; j < s.OW; j++) {
        const float* __restrict g = dy + ((n * s.OH + i) * s.OW + j) * s.C;
        float count = 0;
        for_window(s, i, j, [&](long) { count++; });
        for_window(s, i, j, [&](long at) {
          float* __restrict to = into + at;
          for (long c = 0; c < s.C; c++) to[c] += g[c] / count;
        });
      }
  });
  return Status::ok;
}
