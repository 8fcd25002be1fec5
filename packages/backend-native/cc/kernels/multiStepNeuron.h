// Eqs. 1-3 over a whole sequence, and back. Each neuron's T steps are done by one thread while its potential stays in a
// register or the nearest cache; neurons are shared out in blocks.
//
// The arithmetic is that of the composed operations step by step, with no fused multiply-add, so that both fire alike.

enum class Charge { integrate, leak, learned_leak };
enum class Slope { atan, sigmoid, rectangular, constant };

struct Neuron {
  long steps, size;  // T, and neurons
  Charge charge;
  float tau, threshold, reset;
  bool soft, detach;
  Slope slope;
  float alpha;
  float rate;  // 1/tau of the learned leak
};

constexpr long neuron_block = 1024;  // neurons per task

inline Neuron neuron_of(Arguments& args) {
  Neuron n;
  n.steps = args.integer(1), n.size = args.integer();
  n.charge = args.choice(Charge::learned_leak);
  n.tau = static_cast<float>(args.number());
  n.threshold = static_cast<float>(args.number());
  n.reset = static_cast<float>(args.number());
  n.soft = args.number() != 0, n.detach = args.number() != 0;
  n.slope = args.choice(Slope::constant);
  n.alpha = static_cast<float>(args.number());
  n.rate = 0;
  return n;
}

// Eq. 1
template <Charge C, class V>
inline V charge_of(const V& v, const V& x, const V& leak, const V& rest) {
  if (C == Charge::integrate) return v + x;
  const V pull = x - (v - rest);
  return C == Charge::leak ? v + pull / leak : v + leak * pull;
}

// Eq. 2: 1 where h - threshold >= 0
inline Vector fire(Vector h, Vector threshold) {
  return (Vector)((h - threshold >= Vector{}) & (IntVector)splat(1.0f));
}

// Eq. 3
template <bool Soft>
inline Vector reset_of(Vector h, Vector s, Vector threshold, Vector reset) {
  return Soft ? h - threshold * s : h * (splat(1.0f) - s) + reset * s;
}

inline Vector exp_of(Vector v) {
  float values[width];
  store(values, v);
  for (int i = 0; i < width; i++) values[i] = expf(values[i]);
  return load(values);
}

template <Slope S>
inline Vector slope_of(Vector u, float alpha) {
  const Vector one = splat(1.0f);
  if (S == Slope::atan) {
    const Vector z = splat(static_cast<float>(M_PI / 2 * alpha)) * u;
    return splat(alpha / 2) / (one + z * z);
  }
  if (S == Slope::sigmoid) {
    const Vector s = one / (one + exp_of(-(splat(alpha) * u)));
    return splat(alpha) * s * (one - s);
  }
  if (S == Slope::rectangular) {
    const Vector half = splat(alpha / 2);
    return (Vector)((u < half) & (-u < half) & (IntVector)splat(1 / alpha));
  }
  return splat(alpha);
}

// Calls f(index of the first, how many) for the task's neurons, a vector at a time; the last may be partly filled.
template <class F>
inline void for_vectors(long from, long to, const F& f) {
  for (long i = from; i < to; i += width) f(i, min(width, to - i));
}

inline Vector load_part(const float* p, long n) {
  if (n == width) return load(p);
  float values[width] = {};
  memcpy(values, p, n * sizeof(float));
  return load(values);
}

inline void store_part(float* p, Vector v, long n) {
  if (n == width) return store(p, v);
  float values[width];
  store(values, v);
  memcpy(p, values, n * sizeof(float));
}

// Lanes past the end of the neurons hold whatever the memory held: they must not count in a sum.
inline Vector first_lanes(Vector v, long n) {
  if (n == width) return v;
  float values[width];
  store(values, v);
  return load_part(values, n);
}

template <Charge C, bool Soft>
void neuron_forward(const Neuron& n, const float* x, const float* v0, float* spikes, float* v_last) {
  const Vector threshold = splat(n.threshold), rest = splat(n.reset);
  const Vector leak = splat(C == Charge::leak ? n.tau : n.rate);
  parallel(ceil_div(n.size, neuron_block), [&](long task) {
    const long from = task * neuron_block, to = min(n.size, from + neuron_block);
    // The potentials of the block, between one step and the next.
    float v[neuron_block + width];
    memcpy(v, v0 + from, (to - from) * sizeof(float));
    for (long t = 0; t < n.steps; t++) {
      const float* in = x + t * n.size;
      float* out = spikes + t * n.size;
      for_vectors(from, to, [&](long i, long count) {
        const Vector h = charge_of<C>(load(v + i - from), load_part(in + i, count), leak, rest);
        const Vector s = fire(h, threshold);
        store_part(out + i, s, count);
        store(v + i - from, reset_of<Soft>(h, s, threshold, rest));
      });
    }
    memcpy(v_last + from, v, (to - from) * sizeof(float));
  });
}

// x [T][size], v [size], rate [1] -> spikes [T][size], v [size]
Status multiStepNeuron(const Call& call) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  const float *x = args.floats(product(n.steps, n.size)), *v = args.floats(n.size), *rate = args.floats(1);
  float *spikes = args.floats(product(n.steps, n.size)), *v_last = args.floats(n.size);
  if (args.status != Status::ok) return args.status;
  n.rate = *rate;
  switch (n.charge) {
    case Charge::integrate:
      n.soft ? neuron_forward<Charge::integrate, true>(n, x, v, spikes, v_last)
             : neuron_forward<Charge::integrate, false>(n, x, v, spikes, v_last);
      break;
    case Charge::leak:
      n.soft ? neuron_forward<Charge::leak, true>(n, x, v, spikes, v_last)
             : neuron_forward<Charge::leak, false>(n, x, v, spikes, v_last);
      break;
    case Charge::learned_leak:
      n.soft ? neuron_forward<Charge::learned_leak, true>(n, x, v, spikes, v_last)
             : neuron_forward<Charge::learned_leak, false>(n, x, v, spikes, v_last);
      break;
  }
  return Status::ok;
}

// Forward again with H (and V before it) kept for the block, then back through time:
//   dH[t] = dS[t] σ'(H - V_th) + dV[t] ∂V/∂H,   dX[t] = dH[t] ∂H/∂X,   dV[t-1] = dH[t] ∂H/∂V.
template <Charge C, bool Soft, Slope S>
Status neuron_backward(const Neuron& n, const float* x, const float* v0, const float* ds, const float* dv_last, float* dx,
                       float* dv0, float* drate) {
  const Vector threshold = splat(n.threshold), rest = splat(n.reset), one = splat(1.0f);
  const Vector leak = splat(C == Charge::leak ? n.tau : n.rate);
  const long tasks = ceil_div(n.size, neuron_block);
  double* partial = reinterpret_cast<double*>(scratch(0, max(1, tasks) * (sizeof(double) / sizeof(float))));
  if (partial == nullptr) return Status::out_of_memory;
  bool failed = false;
  parallel(tasks, [&](long task) {
    const long from = task * neuron_block, to = min(n.size, from + neuron_block);
    float* h_of = scratch(1, n.steps * neuron_block);
    float* v_of = scratch(2, (n.steps + 1) * neuron_block);
    if (h_of == nullptr || v_of == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    memcpy(v_of, v0 + from, (to - from) * sizeof(float));
    for (long t = 0; t < n.steps; t++)
      for_vectors(from, to, [&](long i, long count) {
        float* at = v_of + t * neuron_block + i - from;
        const Vector h = charge_of<C>(load(at), load_part(x + t * n.size + i, count), leak, rest);
        store(h_of + t * neuron_block + i - from, h);
        store(at + neuron_block, reset_of<Soft>(h, fire(h, threshold), threshold, rest));
      });
    float dv[neuron_block + width];
    memcpy(dv, dv_last + from, (to - from) * sizeof(float));
    Vector rates[neuron_block / width] = {};
    for (long t = n.steps - 1; t >= 0; t--)
      for_vectors(from, to, [&](long i, long count) {
        const Vector h = load(h_of + t * neuron_block + i - from);
        const Vector s = fire(h, threshold), slope = slope_of<S>(h - threshold, n.alpha);
        const Vector g = load(dv + i - from);
        Vector dh = load_part(ds + t * n.size + i, count) * slope + (Soft ? g : g * (one - s));
        if (!n.detach) dh += Soft ? -g * threshold * slope : g * (rest - h) * slope;
        Vector dcurrent = dh, dpotential = dh;
        if (C == Charge::leak) dcurrent = dh / leak, dpotential = dh - dcurrent;
        if (C == Charge::learned_leak) {
          dcurrent = dh * leak, dpotential = dh - dcurrent;
          const Vector v = load(v_of + t * neuron_block + i - from);
          const Vector pull = load_part(x + t * n.size + i, count) - (v - rest);
          rates[(i - from) / width] += first_lanes(dh * pull, count);
        }
        store_part(dx + t * n.size + i, dcurrent, count);
        store(dv + i - from, dpotential);
      });
    memcpy(dv0 + from, dv, (to - from) * sizeof(float));
    double sum = 0;
    for (const Vector& r : rates)
      for (int i = 0; i < width; i++) sum += r[i];
    partial[task] = sum;
  });
  if (failed) return Status::out_of_memory;
  double sum = 0;
  for (long i = 0; i < tasks; i++) sum += partial[i];
  *drate = static_cast<float>(sum);
  return Status::ok;
}

template <Charge C, bool Soft>
Status neuron_backward_of(const Neuron& n, const float* x, const float* v0, const float* ds, const float* dv_last,
                          float* dx, float* dv0, float* drate) {
  switch (n.slope) {
    case Slope::atan: return neuron_backward<C, Soft, Slope::atan>(n, x, v0, ds, dv_last, dx, dv0, drate);
    case Slope::sigmoid: return neuron_backward<C, Soft, Slope::sigmoid>(n, x, v0, ds, dv_last, dx, dv0, drate);
    case Slope::rectangular: return neuron_backward<C, Soft, Slope::rectangular>(n, x, v0, ds, dv_last, dx, dv0, drate);
    case Slope::constant: return neuron_backward<C, Soft, Slope::constant>(n, x, v0, ds, dv_last, dx, dv0, drate);
  }
  return Status::wrong_arguments;
}

template <Charge C>
Status neuron_backward_of(const Neuron& n, const float* x, const float* v0, const float* ds, const float* dv_last,
                          float* dx, float* dv0, float* drate) {
  return n.soft ? neuron_backward_of<C, true>(n, x, v0, ds, dv_last, dx, dv0, drate)
                : neuron_backward_of<C, false>(n, x, v0, ds, dv_last, dx, dv0, drate);
}

// x, v, rate, dspikes [T][size], dv [size] -> dx [T][size], dv [size], drate [1]
Status multiStepNeuronGrad(const Call& call) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  const float *x = args.floats(product(n.steps, n.size)), *v = args.floats(n.size), *rate = args.floats(1);
  const float *ds = args.floats(product(n.steps, n.size)), *dv_last = args.floats(n.size);
  float *dx = args.floats(product(n.steps, n.size)), *dv = args.floats(n.size), *drate = args.floats(1);
  if (args.status != Status::ok) return args.status;
  n.rate = *rate;
  switch (n.charge) {
    case Charge::integrate: return neuron_backward_of<Charge::integrate>(n, x, v, ds, dv_last, dx, dv, drate);
    case Charge::leak: return neuron_backward_of<Charge::leak>(n, x, v, ds, dv_last, dx, dv, drate);
    case Charge::learned_leak: return neuron_backward_of<Charge::learned_leak>(n, x, v, ds, dv_last, dx, dv, drate);
  }
  return Status::wrong_arguments;
}
