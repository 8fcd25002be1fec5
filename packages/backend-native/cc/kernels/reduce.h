// Reductions over one axis of [outer][n][inner], and softmax over rows. Sums are in double precision, in chunks whose number
// depends on the shape alone, and in a fixed order.
#pragma once
#include "../lib/arguments.h"
#include "../lib/vectors.h"

enum class Reduce { sum, mean, max, min };

constexpr long reduce_chunks = 64;   // most chunks
constexpr long reduce_least = 1024;  // fewest values of the axis in a chunk

inline double join(Reduce op, double a, double b) {
  switch (op) {
    case Reduce::max: return a != a || a > b ? a : b;
    case Reduce::min: return a != a || a < b ? a : b;
    default: return a + b;
  }
}

inline double neutral(Reduce op) { return op == Reduce::max ? -INFINITY : op == Reduce::min ? INFINITY : 0; }

// op, outer, n, inner; x -> y [outer][inner]
SEW_KERNEL(reduce) {
  Arguments args(call);
  const Reduce op = args.choice(Reduce::min);
  const long outer = args.integer(), n = args.integer(), inner = args.integer();
  const float* x = args.floats(product(outer, n, inner));
  float* y = args.floats(product(outer, inner));
  if (args.status != Status::ok) return args.status;
  if (outer * inner == 0) return Status::ok;
  const long chunk = max(reduce_least, ceil_div(n, reduce_chunks)), chunks = max(1, ceil_div(n, chunk));
  double* partial = reinterpret_cast<double*>(scratch(0, outer * chunks * inner * (sizeof(double) / sizeof(float))));
  if (partial == nullptr) return Status::out_of_memory;
  // Short axes share a task.
  const long batch = max(1, element_block / max(1, min(n, chunk) * inner)), parts = outer * chunks;
  parallel(ceil_div(parts, batch), [&](long task) {
    for (long part = task * batch; part < min(parts, (task + 1) * batch); part++) {
      const long o = part / chunks, from = part % chunks * chunk, to = min(n, from + chunk);
      double* __restrict into = partial + part * inner;
      for (long i = 0; i < inner; i++) into[i] = neutral(op);
      if (inner == 1 && op <= Reduce::mean) {
        double sum = 0;
        for (long j = from; j < to; j++) sum += x[o * n + j];
        into[0] = sum;
        continue;
      }
      for (long j = from; j < to; j++) {
        const float* __restrict row = x + (o * n + j) * inner;
        if (op <= Reduce::mean)
          for (long i = 0; i < inner; i++) into[i] += row[i];
        else
          for (long i = 0; i < inner; i++) into[i] = join(op, into[i], row[i]);
      }
    }
  });
  const double scale = op == Reduce::mean ? 1.0 / n : 1.0;
  for (long o = 0; o < outer; o++)
    for (long i = 0; i < inner; i++) {
      double value = neutral(op);
      for (long c = 0; c < chunks; c++) value = join(op, value, partial[(o * chunks + c) * inner + i]);
      y[o * inner + i] = static_cast<float>(op == Reduce::mean ? value * scale : value);
    }
  return Status::ok;
}

// rows, classes, log; x -> y: exp(x - m) / sum exp(x - m), or its logarithm, with m the row's maximum.
SEW_KERNEL(softmax) {
  Arguments args(call);
  const long rows = args.integer(), classes = args.integer(1);
  const bool logarithm = args.number() != 0;
  const float* x = args.floats(product(rows, classes));
  float* y = args.floats(product(rows, classes));
  if (args.status != Status::ok) return args.status;
  const long batch = max(1, element_block / classes);
  parallel(ceil_div(rows, batch), [&](long task) {
    for (long r = task * batch; r < min(rows, (task + 1) * batch); r++) {
      const float* from = x + r * classes;
      float* to = y + r * classes;
      float most = from[0];
      for (long c = 1; c < classes; c++) most = from[c] > most || from[c] != from[c] ? from[c] : most;
      double sum = 0;
      for (long c = 0; c < classes; c++) sum += exp(static_cast<double>(from[c]) - most);
      for (long c = 0; c < classes; c++) {
        const double d = static_cast<double>(from[c]) - most;
        to[c] = static_cast<float>(logarithm ? d - log(sum) : exp(d) / sum);
      }
    }
  });
  return Status::ok;
}
