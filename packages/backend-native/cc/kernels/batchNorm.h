// Batch norm over rows of C channels, in evaluation and in training, and the gradient of the latter. x may be stored as
// bfloat16.
//
// Sums over the rows are in double precision, in chunks whose number depends on the shape alone, and added in order: the
// result does not depend on the number of threads.
#pragma once
#include "../lib/arguments.h"
#include "../lib/bfloat16.h"
#include "../lib/vectors.h"

constexpr long norm_chunks = 64;       // most chunks with sums of their own
constexpr long norm_chunk_rows = 256;  // fewest rows of a chunk

// Rows that are added together.
template <long N>
struct Rows {
  static constexpr long count = N;
};

// Sums per channel over all rows: add(Rows<N>(), i, sums) adds the shares of N rows, whose values begin at i, to
// sums[0 .. Sums)[C]. Result: sums[0 .. Sums)[C].
template <int Sums, class F>
Status channel_sums(long rows, long C, double* sums, const F& add) {
  const long chunk = max(norm_chunk_rows, ceil_div(rows, norm_chunks)), chunks = ceil_div(rows, chunk);
  double* partial = reinterpret_cast<double*>(scratch(1, doubles(chunks * Sums * C)));
  if (partial == nullptr) return Status::out_of_memory;
  parallel(chunks, [&](long task) {
    double* mine = partial + task * Sums * C;
    for (long c = 0; c < Sums * C; c++) mine[c] = 0;
    long r = task * chunk;
    const long end = min(rows, r + chunk);
    for (; r + 4 <= end; r += 4) add(Rows<4>(), r * C, mine);
    for (; r < end; r++) add(Rows<1>(), r * C, mine);
  });
  for (long c = 0; c < Sums * C; c++) {
    sums[c] = 0;
    for (long i = 0; i < chunks; i++) sums[c] += partial[i * Sums * C + c];
  }
  return Status::ok;
}

// Rows per task of an element-wise pass.
inline long norm_rows(long C) { return max(1, element_block / C); }

// y = (x - mean) * factor + offset, the one formula of every forward pass, with a fused multiply-add where there is one.
inline void normalise(long rows, long C, const Values& x, const float* mean, const float* factor, const float* offset,
                      float* y) {
  if (C == 0) return;
  const long some = norm_rows(C);
  x.with([=](const auto* values) {
    parallel(ceil_div(rows, some), [=](long task) {
      for (long r = task * some; r < min(rows, (task + 1) * some); r++) {
        const auto* __restrict from = values + r * C;
        float* __restrict to = y + r * C;
#pragma GCC ivdep
        for (long c = 0; c < C; c++) to[c] = fma(value_of(from[c]) - mean[c], factor[c], offset[c]);
      }
    });
  });
}

// The factor of a channel's centred values.
inline float factor_of(float scale, float variance, double epsilon) {
  return static_cast<float>(scale / sqrt(variance + epsilon));
}

// x, mean, variance, scale, offset -> y
SEW_KERNEL(batchNorm) {
  Arguments args(call);
  const long rows = args.integer(), C = args.integer();
  const double epsilon = args.number();
  const Values x = read_values(args, product(rows, C));
  const float *mean = args.floats(C), *variance = args.floats(C);
  const float *scale = args.floats(C), *offset = args.floats(C);
  float* y = args.floats(product(rows, C));
  if (args.status != Status::ok) return args.status;
  float* factor = scratch(0, C);
  if (factor == nullptr) return Status::out_of_memory;
  for (long c = 0; c < C; c++) factor[c] = factor_of(scale[c], variance[c], epsilon);
  normalise(rows, C, x, mean, factor, offset, y);
  return Status::ok;
}

// The mean and the biased variance of each channel; 0 of no rows, as TensorFlow.js's mean.
inline Status statistics(long rows, long C, const Values& x, float* mean, float* variance) {
  if (rows == 0 || C == 0) {
    memset(mean, 0, C * sizeof(float));
    memset(variance, 0, C * sizeof(float));
    return Status::ok;
  }
  double* sums = reinterpret_cast<double*>(scratch(0, doubles(2 * C) + C));
  if (sums == nullptr) return Status::out_of_memory;
  // Sums of x - shift, with a value of the channel as the shift, do not cancel where the mean is far from 0.
  float* shift = reinterpret_cast<float*>(sums + 2 * C);
  const Status status = x.with([=](const auto* values) {
    for (long c = 0; c < C; c++) shift[c] = value_of(values[c]);
    return channel_sums<2>(rows, C, sums, [=](auto some, long i, double* __restrict first) {
      const auto* __restrict from = values + i;
      double* __restrict second = first + C;
#pragma GCC ivdep
      for (long c = 0; c < C; c++) {
        double sum = 0, squares = 0;
#pragma GCC unroll 4
        for (long k = 0; k < some.count; k++) {
          const double d = static_cast<double>(value_of(from[k * C + c])) - shift[c];
          sum += d;
          squares += d * d;
        }
        first[c] += sum;
        second[c] += squares;
      }
    });
  });
  if (status != Status::ok) return status;
  for (long c = 0; c < C; c++) {
    const double m = sums[c] / rows, v = sums[C + c] / rows - m * m;
    mean[c] = static_cast<float>(shift[c] + m);
    variance[c] = static_cast<float>(v > 0 ? v : 0);
  }
  return Status::ok;
}

// x -> mean, variance
SEW_KERNEL(batchStatistics) {
  Arguments args(call);
  const long rows = args.integer(), C = args.integer();
  const Values x = read_values(args, product(rows, C));
  float *mean = args.floats(C), *variance = args.floats(C);
  if (args.status != Status::ok) return args.status;
  return statistics(rows, C, x, mean, variance);
}

// C, momentum, 1 - momentum, unbias; running mean and variance, mean, variance -> running mean and variance, which may be
// written over the old ones. The arithmetic is that of the composed operations.
SEW_KERNEL(moveStatistics) {
  Arguments args(call);
  const long C = args.integer();
  const auto number = [&] { return static_cast<float>(args.number()); };
  const float share = number(), rest = number(), unbias = number();
  const float *old_mean = args.floats(C), *old_variance = args.floats(C);
  const float *mean = args.floats(C), *variance = args.floats(C);
  float *new_mean = args.floats(C), *new_variance = args.floats(C);
  if (args.status != Status::ok) return args.status;
  for (long c = 0; c < C; c++) {
    new_mean[c] = rest * old_mean[c] + share * mean[c];
    new_variance[c] = rest * old_variance[c] + share * (unbias * variance[c]);
  }
  return Status::ok;
}

// dx = (dy - level - (x - mean) * slope) * factor, by channel.
struct NormGradient {
  float *factor, *level, *slope;
};

// From the sums of dy, of dy (x - mean) and of x - mean, [3][C]. Where the statistics are those of x, its mean is rounded to
// float32, and differences from it may be, so that the third is not 0: what it adds to the others is taken out. Where they are
// not, no gradient flows through them.
inline void norm_gradients(long rows, long C, double epsilon, bool own, const float* scale, const float* variance,
                           const double* sums, float* dscale, float* doffset, const NormGradient& g) {
  const double share = own && rows > 0 ? 1.0 / rows : 0;
  for (long c = 0; c < C; c++) {
    const double r = 1 / sqrt(variance[c] + epsilon);
    const double centre = sums[2 * C + c] * share, products = sums[C + c] - sums[c] * centre;
    const double slope = products * r * r * share;
    doffset[c] = static_cast<float>(sums[c]);
    dscale[c] = static_cast<float>(products * r);
    g.factor[c] = static_cast<float>(scale[c] * r);
    g.level[c] = static_cast<float>(sums[c] * share - slope * centre);
    g.slope[c] = static_cast<float>(slope);
  }
}

// dx may be dy itself.
inline void norm_input_gradient(long rows, long C, const Values& x, const float* dy, const float* mean,
                                const NormGradient& g, float* dx) {
  const long some = norm_rows(C);
  x.with([=](const auto* values) {
    // Rows of N vectors, whose channels' numbers stay in registers.
    const auto vectors = [=](auto row, long from, long to) {
      constexpr long N = row.count;
      Vector m[N], slope[N], level[N], factor[N];
#pragma GCC unroll 4
      for (long v = 0; v < N; v++) {
        const long c = v * width;
        m[v] = load(mean + c), slope[v] = load(g.slope + c), level[v] = load(g.level + c), factor[v] = load(g.factor + c);
      }
      for (long i = from * C; i < to * C; i += C)
#pragma GCC unroll 4
        for (long v = 0; v < N; v++) {
          const long at = i + v * width;
          store(dx + at, fma(m[v] - load(values + at), slope[v], load(dy + at) - level[v]) * factor[v]);
        }
    };
    parallel(ceil_div(rows, some), [=](long task) {
      const long from = task * some, to = min(rows, from + some);
      if (C == width) return vectors(Rows<1>(), from, to);
      if (C == 2 * width) return vectors(Rows<2>(), from, to);
      if (C == 4 * width) return vectors(Rows<4>(), from, to);
      for (long i = from; i < to; i++) {
        const auto* read = values + i * C;
        const float* d = dy + i * C;
        float* write = dx + i * C;
#pragma GCC ivdep
        for (long c = 0; c < C; c++)
          write[c] = fma(mean[c] - value_of(read[c]), g.slope[c], d[c] - g.level[c]) * g.factor[c];
      }
    });
  });
}

// x, dy, scale, mean, variance -> dx, dscale, doffset.
// With r = 1/sqrt(variance + epsilon): doffset = sum dy, dscale = r * sum dy (x - mean),
// dx = scale * r * (dy - doffset/rows - (x - mean) * r * dscale/rows).
SEW_KERNEL(batchNormTrainingGrad) {
  Arguments args(call);
  const long rows = args.integer(), C = args.integer();
  const double epsilon = args.number();
  const Values x = read_values(args, product(rows, C));
  const float *dy = args.floats(product(rows, C)), *scale = args.floats(C);
  const float *mean = args.floats(C), *variance = args.floats(C);
  float *dx = args.floats(product(rows, C)), *dscale = args.floats(C), *doffset = args.floats(C);
  if (args.status != Status::ok) return args.status;
  if (rows == 0 || C == 0) {
    memset(dscale, 0, C * sizeof(float));
    memset(doffset, 0, C * sizeof(float));
    return Status::ok;
  }
  double* sums = reinterpret_cast<double*>(scratch(0, doubles(3 * C) + 3 * C));
  if (sums == nullptr) return Status::out_of_memory;
  float *factor = reinterpret_cast<float*>(sums + 3 * C), *level = factor + C, *slope = level + C;
  const Status status = x.with([=](const auto* values) {
    return channel_sums<3>(rows, C, sums, [=](auto some, long i, double* __restrict first) {
      const auto* __restrict from = values + i;
      const float* __restrict gradient = dy + i;
      double *__restrict second = first + C, *__restrict third = second + C;
#pragma GCC ivdep
      for (long c = 0; c < C; c++) {
        double sum = 0, products = 0, centre = 0;
#pragma GCC unroll 4
        for (long k = 0; k < some.count; k++) {
          const double g = gradient[k * C + c], d = static_cast<double>(value_of(from[k * C + c])) - mean[c];
          sum += g;
          products += g * d;
          centre += d;
        }
        first[c] += sum;
        second[c] += products;
        third[c] += centre;
      }
    });
  });
  if (status != Status::ok) return status;
  norm_gradients(rows, C, epsilon, true, scale, variance, sums, dscale, doffset, {factor, level, slope});
  norm_input_gradient(rows, C, x, dy, mean, {factor, level, slope}, dx);
  return Status::ok;
}
