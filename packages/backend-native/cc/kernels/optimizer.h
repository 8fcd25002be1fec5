// Optimiser updates of a variable, in one pass over memory. Outputs may be the inputs themselves (in place). The arithmetic
// is that of the composed operations, without fused multiply-adds.
#pragma once
#include "../lib/arguments.h"
#include "../lib/vectors.h"

// Calls f(i) for 0 ... n - 1. Each reads and writes only number i of its arrays.
template <class F>
void for_weights(long n, const F& f) {
  parallel(ceil_div(n, element_block), [&](long task) {
    const long from = task * element_block, to = min(n, from + element_block);
#pragma GCC ivdep
    for (long i = from; i < to; i++) f(i);
  });
}

// size, rate, momentum; w, u, g -> w, u: u = momentum u + g, w = w - rate u
SEW_KERNEL(applyMomentum) {
  Arguments args(call);
  const long n = args.integer();
  const float rate = static_cast<float>(args.number()), momentum = static_cast<float>(args.number());
  const float *w = args.floats(n), *u = args.floats(n), *g = args.floats(n);
  float *w_to = args.floats(n), *u_to = args.floats(n);
  if (args.status != Status::ok) return args.status;
  for_weights(n, [=](long i) {
    const float velocity = momentum * u[i] + g[i];
    w_to[i] = w[i] - rate * velocity;
    u_to[i] = velocity;
  });
  return Status::ok;
}

// size, rate, then beta, 1 - beta and 1 - beta^t of both means, epsilon; w, m, v, g -> w, m, v:
// m = beta m + (1 - beta) g, v the same of g^2, w = w - rate m / (1 - beta^t) / (sqrt(v / (1 - beta^t)) + epsilon)
SEW_KERNEL(applyAdam) {
  Arguments args(call);
  const long n = args.integer();
  const auto number = [&] { return static_cast<float>(args.number()); };
  const float rate = number();
  const float beta_m = number(), share_m = number(), unbias_m = number();
  const float beta_v = number(), share_v = number(), unbias_v = number();
  const float epsilon = number();
  const float *w = args.floats(n), *m = args.floats(n), *v = args.floats(n), *g = args.floats(n);
  float *w_to = args.floats(n), *m_to = args.floats(n), *v_to = args.floats(n);
  if (args.status != Status::ok) return args.status;
  for_weights(n, [=](long i) {
    const float mean = beta_m * m[i] + share_m * g[i], square = beta_v * v[i] + share_v * (g[i] * g[i]);
    w_to[i] = w[i] - rate * (mean / unbias_m / (sqrtf(square / unbias_v) + epsilon));
    m_to[i] = mean, v_to[i] = square;
  });
  return Status::ok;
}
