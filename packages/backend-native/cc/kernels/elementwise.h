// Element-wise operations, with broadcasting for those of two arguments.
#pragma once
#include "../lib/arguments.h"
#include "../lib/functions.h"
#include "../lib/vectors.h"

enum class Unary {
  neg, abs, square, sqrt, rsqrt, reciprocal, exp, log, sigmoid, tanh, relu, step, atan, erf, sin, cos, floor, round
};
enum class Binary { add, sub, mul, div, maximum, minimum, squared_difference, pow };
enum class Compare { greater, greater_equal, less, less_equal, equal, not_equal };

template <class F>
void map(long n, const float* x, float* y, const F& f) {
  parallel(ceil_div(n, element_block), [&](long task) {
    const long from = task * element_block, to = min(n, from + element_block);
    for (long i = from; i < to; i++) y[i] = f(x[i]);
  });
}

// The same for a function of vectors.
template <Vector (*F)(Vector)>
void map(long n, const float* x, float* y) {
  parallel(ceil_div(n, element_block), [&](long task) {
    for_vectors(task * element_block, min(n, (task + 1) * element_block),
                [&](long i, long count) { store_part(y + i, F(load_part(x + i, count)), count); });
  });
}

// op, size, parameter; x -> y. `step` is 1 above 0, NaN at NaN, else the parameter, as TensorFlow.js has it.
SEW_KERNEL(unary) {
  Arguments args(call);
  const Unary op = args.choice(Unary::round);
  const long n = args.integer();
  const float parameter = static_cast<float>(args.number());
  const float* x = args.floats(n);
  float* y = args.floats(n);
  if (args.status != Status::ok) return args.status;
  switch (op) {
    case Unary::neg: map(n, x, y, [](float v) { return -v; }); break;
    case Unary::abs: map(n, x, y, [](float v) { return fabsf(v); }); break;
    case Unary::square: map(n, x, y, [](float v) { return v * v; }); break;
    case Unary::sqrt: map(n, x, y, [](float v) { return sqrtf(v); }); break;
    case Unary::rsqrt: map(n, x, y, [](float v) { return 1 / sqrtf(v); }); break;
    case Unary::reciprocal: map(n, x, y, [](float v) { return 1 / v; }); break;
    case Unary::exp: map<exp_of>(n, x, y); break;
    case Unary::log: map<log_of>(n, x, y); break;
    case Unary::sigmoid: map<sigmoid_of>(n, x, y); break;
    case Unary::tanh: map<tanh_of>(n, x, y); break;
    case Unary::relu: map(n, x, y, [](float v) { return v < 0 ? 0.0f : v; }); break;
    case Unary::step:
      map(n, x, y, [parameter](float v) { return v != v ? v : v > 0 ? 1.0f : parameter; });
      break;
    case Unary::atan: map<atan_of>(n, x, y); break;
    case Unary::erf: map<erf_of>(n, x, y); break;
    case Unary::sin: map<sin_of>(n, x, y); break;
    case Unary::cos: map<cos_of>(n, x, y); break;
    case Unary::floor: map<floor_of>(n, x, y); break;
    case Unary::round: map<round_of>(n, x, y); break;
  }
  return Status::ok;
}

// Two arguments broadcast to one shape: per axis, its size and each argument's stride (0 where it is spread).
struct Broadcast {
  static constexpr int most_axes = 6;
  int axes;
  long size[most_axes], a[most_axes], b[most_axes];
  long total, a_size, b_size;
};

inline Broadcast broadcast(Arguments& args) {
  Broadcast s;
  s.axes = static_cast<int>(args.integer(1, Broadcast::most_axes));
  s.total = 1, s.a_size = 1, s.b_size = 1;
  for (int i = 0; i < s.axes; i++) {
    s.size[i] = args.integer(), s.a[i] = args.integer(), s.b[i] = args.integer();
    s.total = product(s.total, s.size[i]);
    if (s.size[i] == 0) continue;
    s.a_size += product(s.size[i] - 1, s.a[i]), s.b_size += product(s.size[i] - 1, s.b[i]);
  }
  if (s.total == 0) s.a_size = s.b_size = 0;
  return s;
}

// A run along the last axis: three cases that vectorise, and all others.
template <class T, class F>
inline void combine_run(long n, const float* a, long as, const float* b, long bs, T* y, const F& f) {
  if (as == 1 && bs == 1)
    for (long i = 0; i < n; i++) y[i] = f(a[i], b[i]);
  else if (as == 1 && bs == 0)
    for (long i = 0, v = 0; i < n; i++) y[i] = f(a[i], b[v]);
  else if (as == 0 && bs == 1)
    for (long i = 0, v = 0; i < n; i++) y[i] = f(a[v], b[i]);
  else
    for (long i = 0; i < n; i++) y[i] = f(a[i * as], b[i * bs]);
}

template <class T, class F>
void combine(const Broadcast& s, const float* a, const float* b, T* y, const F& f) {
  const int last = s.axes - 1;
  const long run = s.size[last];
  if (s.total == 0) return;
  const long runs = s.total / run, piece = min(run, element_block), pieces = ceil_div(run, piece);
  const long batch = max(1, element_block / run);  // short runs share a task
  parallel(ceil_div(runs, batch) * pieces, [&](long task) {
    const long from = task % pieces * piece, n = min(piece, run - from);
    for (long r = task / pieces * batch; r < min(runs, (task / pieces + 1) * batch); r++) {
      long rest = r, ai = from * s.a[last], bi = from * s.b[last];
      for (int i = last - 1; i >= 0; i--) {
        ai += rest % s.size[i] * s.a[i], bi += rest % s.size[i] * s.b[i];
        rest /= s.size[i];
      }
      combine_run(n, a + ai, s.a[last], b + bi, s.b[last], y + r * run + from, f);
    }
  });
}

// a + b past the caches, which matters to gradients of large tensors that two branches send.
inline void add_streamed(long n, const float* a, const float* b, float* y) {
  parallel(ceil_div(n, element_block), [&](long task) {
    for (long i = task * element_block; i < min(n, (task + 1) * element_block); i += width)
      stream(y + i, load(a + i) + load(b + i));
    stream_fence();
  });
}

// op, axes, then size and both strides of each axis; a, b -> y
SEW_KERNEL(binary) {
  Arguments args(call);
  const Binary op = args.choice(Binary::pow);
  const Broadcast s = broadcast(args);
  const float *a = args.floats(s.a_size), *b = args.floats(s.b_size);
  float* y = args.floats(s.total);
  if (args.status != Status::ok) return args.status;
  const bool alike = s.axes == 1 && s.a[0] == 1 && s.b[0] == 1;
  if (op == Binary::add && alike && y != a && y != b && is_streamed(y, s.total, s.total))
    return add_streamed(s.total, a, b, y), Status::ok;
  switch (op) {
    case Binary::add: combine(s, a, b, y, [](float p, float q) { return p + q; }); break;
    case Binary::sub: combine(s, a, b, y, [](float p, float q) { return p - q; }); break;
    case Binary::mul: combine(s, a, b, y, [](float p, float q) { return p * q; }); break;
    case Binary::div: combine(s, a, b, y, [](float p, float q) { return p / q; }); break;
    // NaN in either argument wins, as in JavaScript.
    case Binary::maximum: combine(s, a, b, y, [](float p, float q) { return p != p || p > q ? p : q; }); break;
    case Binary::minimum: combine(s, a, b, y, [](float p, float q) { return p != p || p < q ? p : q; }); break;
    case Binary::squared_difference: combine(s, a, b, y, [](float p, float q) { return (p - q) * (p - q); }); break;
    case Binary::pow: combine(s, a, b, y, [](float p, float q) { return static_cast<float>(power_of(p, q)); }); break;
  }
  return Status::ok;
}

// As binary, with a result of 0 and 1 in bytes.
SEW_KERNEL(compare) {
  Arguments args(call);
  const Compare op = args.choice(Compare::not_equal);
  const Broadcast s = broadcast(args);
  const float *a = args.floats(s.a_size), *b = args.floats(s.b_size);
  uint8_t* y = args.bytes(s.total);
  if (args.status != Status::ok) return args.status;
  switch (op) {
    case Compare::greater: combine(s, a, b, y, [](float p, float q) -> uint8_t { return p > q; }); break;
    case Compare::greater_equal: combine(s, a, b, y, [](float p, float q) -> uint8_t { return p >= q; }); break;
    case Compare::less: combine(s, a, b, y, [](float p, float q) -> uint8_t { return p < q; }); break;
    case Compare::less_equal: combine(s, a, b, y, [](float p, float q) -> uint8_t { return p <= q; }); break;
    case Compare::equal: combine(s, a, b, y, [](float p, float q) -> uint8_t { return p == q; }); break;
    case Compare::not_equal: combine(s, a, b, y, [](float p, float q) -> uint8_t { return p != q; }); break;
  }
  return Status::ok;
}

// size; bytes or 32-bit integers -> floats
SEW_KERNEL(cast) {
  Arguments args(call);
  const long n = args.integer();
  const bool bytes = args.next_type() == Type::uint8;
  const uint8_t* small = bytes ? args.bytes(n) : nullptr;
  const int32_t* large = bytes ? nullptr : args.ints(n);
  float* y = args.floats(n);
  if (args.status != Status::ok) return args.status;
  parallel(ceil_div(n, element_block), [&](long task) {
    const long from = task * element_block, to = min(n, from + element_block);
    if (bytes)
      for (long i = from; i < to; i++) y[i] = small[i];
    else
      for (long i = from; i < to; i++) y[i] = static_cast<float>(large[i]);
  });
  return Status::ok;
}

// size, value; -> y
SEW_KERNEL(fill) {
  Arguments args(call);
  const long n = args.integer();
  const float value = static_cast<float>(args.number());
  float* y = args.floats(n);
  if (args.status != Status::ok) return args.status;
  parallel(ceil_div(n, element_block), [&](long task) {
    const long from = task * element_block, to = min(n, from + element_block);
    for (long i = from; i < to; i++) y[i] = value;
  });
  return Status::ok;
}
