// Mean and variance of channels, in double precision, from those of parts of the rows. A kernel that has a part in the caches
// takes its moments there, so that batch norm need not read all from memory.
#pragma once
#include "vectors.h"

constexpr long double_width = width / 2;  // doubles in a vector
typedef double Doubles __attribute__((vector_size(width * sizeof(float))));

inline Doubles load_doubles(const float* p) {
  typedef float Half __attribute__((vector_size(width * sizeof(float) / 2)));
  Half values;
  memcpy(&values, p, sizeof values);
  return __builtin_convertvector(values, Doubles);
}

// Mean and biased variance of each channel; null where the caller does not want them.
struct Statistics {
  float *mean, *variance;
  bool wanted() const { return mean != nullptr; }
};

// The last buffers of a call, or none.
inline Statistics statistics_of(Arguments& args, long C) {
  if (!args.has_more()) return {nullptr, nullptr};
  float* mean = args.floats(C);
  return {mean, args.floats(C)};
}

// Sums over rows of `Lanes` channels. Of values less the first row's, so that they do not cancel where the mean is far from 0.
template <long Lanes>
class Moments {
 public:
  explicit Moments(const float* first) {
#pragma GCC unroll 32
    for (long v = 0; v < vectors; v++) {
      shift_[v] = load_doubles(first + v * double_width);
      sum_[v] = squares_[v] = Doubles{};
    }
  }
  void add(const float* row) {
#pragma GCC unroll 32
    for (long v = 0; v < vectors; v++) {
      const Doubles d = load_doubles(row + v * double_width) - shift_[v];
      sum_[v] += d;
      squares_[v] += d * d;
    }
  }
  // Of `rows` rows: their mean, and the sum of squared deviations from it.
  void store(long rows, double* mean, double* deviations) const {
    const double share = 1.0 / rows;
    for (long v = 0; v < vectors; v++) {
      const Doubles m = sum_[v] * share, of_mean = shift_[v] + m, rest = squares_[v] - sum_[v] * m;
      memcpy(mean + v * double_width, &of_mean, sizeof m);
      memcpy(deviations + v * double_width, &rest, sizeof rest);
    }
  }

 private:
  static constexpr long vectors = Lanes / double_width;
  Doubles shift_[vectors], sum_[vectors], squares_[vectors];
};

// The moments of all parts, [part][mean, deviations][C], and those of all rows. The parts depend on the shape alone, and are
// joined in order, so that no result depends on the number of threads.
class PartMoments {
 public:
  static size_t floats(long parts, long C) { return doubles(product(2 * parts + 2, C)); }
  PartMoments(long parts, long C, float* memory) : parts_(parts), C_(C), of_(reinterpret_cast<double*>(memory)) {}

  template <long Lanes>
  void store(long part, long channel, long rows, const Moments<Lanes>& moments) const {
    double* to = of_ + 2 * part * C_ + channel;
    moments.store(rows, to, to + C_);
  }

  // Of the first K channels. rows_of(part): its rows, which may be none.
  template <class F>
  void join(const F& rows_of, long K, const Statistics& to) const {
    double *means = of_ + 2 * parts_ * C_, *deviations = means + C_;
    memset(means, 0, 2 * C_ * sizeof(double));
    long rows = 0;
    for_parts(rows_of, [&](long count, const double* m, const double*) {
      rows += count;
      for (long c = 0; c < C_; c++) means[c] += count * m[c];
    });
    for (long c = 0; c < C_; c++) means[c] /= rows;
    for_parts(rows_of, [&](long count, const double* m, const double* own) {
      for (long c = 0; c < C_; c++) deviations[c] += own[c] + count * (m[c] - means[c]) * (m[c] - means[c]);
    });
    for (long c = 0; c < K; c++) {
      to.mean[c] = static_cast<float>(means[c]);
      to.variance[c] = static_cast<float>(deviations[c] > 0 ? deviations[c] / rows : 0);
    }
  }

 private:
  template <class F, class G>
  void for_parts(const F& rows_of, const G& f) const {
    for (long part = 0; part < parts_; part++) {
      const double* m = of_ + 2 * part * C_;
      if (rows_of(part) > 0) f(rows_of(part), m, m + C_);
    }
  }

  const long parts_, C_;
  double* const of_;
};
