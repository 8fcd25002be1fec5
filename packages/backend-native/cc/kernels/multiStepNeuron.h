// Eqs. 1-3 over a whole sequence, and their backward pass. Each neuron's T steps are computed by one thread while its
// potential stays in a register or the L1 cache; blocks of neurons are divided among threads.
//
// The arithmetic is that of the composed operations step by step, with no fused multiply-add, so that both fire alike.
#pragma once
#include "../lib/arguments.h"
#include "../lib/vectors.h"
#include "spikes.h"

enum class Charge { integrate, leak, learned_leak, potential_leak, learned_potential_leak };
enum class Slope {
  atan,
  sigmoid,
  rectangular,
  constant,
  scaled_atan,
  piecewise_quadratic,
  piecewise_exponential,
  soft_sign,
  super_spike,
  erf
};

struct Neuron {
  long steps, size;  // T, and neurons
  Charge charge;
  float tau, threshold, reset;
  bool soft, detach;
  Slope slope;
  float alpha;
  float rate;  // 1/tau of the learned leaks
};

constexpr long neuron_block = 1024;  // neurons of a block
constexpr long neuron_chunks = 32;   // most chunks of blocks with sums of their own in the backward pass

// Neurons of a chunk: whole blocks, and at least one.
inline long neuron_chunk(long size) { return max(1, ceil_div(size, neuron_block * neuron_chunks)) * neuron_block; }

inline Neuron neuron_of(Arguments& args) {
  Neuron n;
  n.steps = args.integer(1), n.size = args.integer();
  n.charge = args.choice(Charge::learned_potential_leak);
  n.tau = static_cast<float>(args.number());
  n.threshold = static_cast<float>(args.number());
  n.reset = static_cast<float>(args.number());
  n.soft = args.number() != 0, n.detach = args.number() != 0;
  n.slope = args.choice(Slope::erf);
  n.alpha = static_cast<float>(args.number());
  n.rate = 0;
  return n;
}

constexpr bool is_learned(Charge c) { return c == Charge::learned_leak || c == Charge::learned_potential_leak; }
constexpr bool decays_input(Charge c) { return c == Charge::leak || c == Charge::learned_leak; }

// A potential or its gradient over tau. `leak` is tau, or 1/tau where that is learned.
template <Charge C>
inline Vector leaked(Vector v, Vector leak) {
  return is_learned(C) ? leak * v : v / leak;
}

// Eq. 1
template <Charge C>
inline Vector charge_of(Vector v, Vector x, Vector leak, Vector rest) {
  if (C == Charge::integrate) return v + x;
  if (decays_input(C)) return v + leaked<C>(x - (v - rest), leak);
  return v - leaked<C>(v - rest, leak) + x;
}

// Eq. 2: all ones where h - threshold >= 0, and these as spikes
inline IntVector fires(Vector h, Vector threshold) { return h - threshold >= Vector{}; }
inline Vector spikes_of(IntVector fired) { return (Vector)(fired & (IntVector)splat(1.0f)); }
inline Vector fire(Vector h, Vector threshold) { return spikes_of(fires(h, threshold)); }

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

inline Vector abs_of(Vector v) { return (Vector)((IntVector)v & 0x7fffffff); }

template <class F>
inline void map_slopes(const float* h, float threshold, long n, float* slopes, const F& f) {
  for (long i = 0; i < n; i += width) store(slopes + i, f(load(h + i) - splat(threshold)));
}

// The slopes at u = H - V_th of n neurons, in whole vectors. A separate pass, so that the choice of the slope multiplies
// neither the code nor the branches of the loop that uses it.
inline void slopes_of(const Neuron& neuron, const float* h, long n, float* slopes) {
  const Vector one = splat(1.0f), alpha = splat(neuron.alpha);
  const auto map = [&](const auto& f) { map_slopes(h, neuron.threshold, n, slopes, f); };
  // top / (1 + (rate u)^2)
  const auto bell = [&](double top, double rate) {
    const Vector height = splat(static_cast<float>(top)), scale = splat(static_cast<float>(rate));
    map([&](Vector u) { return height / (one + scale * u * (scale * u)); });
  };
  // top / (1 + rate |u|)^2
  const auto cusp = [&](float top, float rate) {
    const Vector height = splat(top), scale = splat(rate);
    map([&](Vector u) {
      const Vector z = one + scale * abs_of(u);
      return height / (z * z);
    });
  };
  switch (neuron.slope) {
    case Slope::atan: return bell(neuron.alpha / 2, M_PI / 2 * neuron.alpha);
    case Slope::sigmoid:
      return map([&](Vector u) {
        const Vector e = exp_of(-(alpha * abs_of(u))), z = one + e;
        return alpha * e / (z * z);
      });
    case Slope::rectangular: {
      const Vector half = splat(neuron.alpha / 2);
      const IntVector height = (IntVector)splat(1 / neuron.alpha);
      return map([&](Vector u) { return (Vector)((abs_of(u) < half) & height); });
    }
    case Slope::constant: return map([&](Vector) { return alpha; });
    case Slope::scaled_atan: return bell(1 + M_PI * M_PI / 4, M_PI);
    case Slope::piecewise_quadratic:
      return map([&](Vector u) {
        const Vector z = one - alpha * abs_of(u);
        return alpha * (Vector)((z > Vector{}) & (IntVector)z);
      });
    case Slope::piecewise_exponential: {
      const Vector height = splat(neuron.alpha / 2);
      return map([&](Vector u) { return height * exp_of(-(alpha * abs_of(u))); });
    }
    case Slope::soft_sign: return cusp(neuron.alpha / 2, neuron.alpha);
    case Slope::super_spike: return cusp(neuron.alpha, 1);
    case Slope::erf: {
      const Vector height = splat(static_cast<float>(neuron.alpha / sqrt(M_PI)));
      return map([&](Vector u) {
        const Vector z = alpha * u;
        return height * exp_of(-(z * z));
      });
    }
  }
}

// Zeroes the lanes past the end of the neurons, which have undefined contents and must not be summed.
inline Vector first_lanes(Vector v, long n) {
  if (n == width) return v;
  float values[width];
  store(values, v);
  return load_part(values, n);
}

template <Charge C, bool Soft>
struct Kind {
  static constexpr Charge charge = C;
  static constexpr bool soft = Soft;
};

template <Charge C, class F>
inline void for_reset(bool soft, const F& f) {
  soft ? f(Kind<C, true>()) : f(Kind<C, false>());
}

// Calls f with the neuron's charge and reset as constants.
template <class F>
inline void for_kind(const Neuron& n, const F& f) {
  switch (n.charge) {
    case Charge::integrate: return for_reset<Charge::integrate>(n.soft, f);
    case Charge::leak: return for_reset<Charge::leak>(n.soft, f);
    case Charge::learned_leak: return for_reset<Charge::learned_leak>(n.soft, f);
    case Charge::potential_leak: return for_reset<Charge::potential_leak>(n.soft, f);
    case Charge::learned_potential_leak: return for_reset<Charge::learned_potential_leak>(n.soft, f);
  }
}

// The currents X[t] of a tensor. A task reads those of its block a step at a time: row(t)(i, count) returns those of
// neurons i ... i + count - 1 of the block. Rows copy the pointers, so that no store can alias them.
struct Currents {
  const float* x;
  long size;

  struct Row {
    const float* x;
    Vector operator()(long i, long count) const { return load_part(x + i, count); }
  };
  Currents block(long from) const { return {x + from, size}; }
  Row row(long t) const { return {x + t * size}; }
};

// The gradient of the currents, written to a tensor.
struct CurrentGradient {
  float* dx;
  long size;

  struct Row {
    float* dx;
    void operator()(long i, long count, Vector d) const { store_part(dx + i, d, count); }
  };
  double* begin(long) const { return nullptr; }
  CurrentGradient block(long from, double*) const { return {dx + from, size}; }
  Row row(long t) const { return {dx + t * size}; }
  void finish() {}
};

// The block's potentials before the first step: v0, or `rest` where v0 is null.
inline void start_from(const float* v0, float rest, long from, long neurons, float* v) {
  if (v0 != nullptr) {
    memcpy(v, v0 + from, neurons * sizeof(float));
  } else {
    for (long i = 0; i < neurons; i++) v[i] = rest;
  }
}

// The output of spikes: floats, or bits with their number. Tasks begin at whole words of bits: the size of a task is a
// multiple of a word, and so is that of a step unless there is only one.
struct SpikeOutput {
  float* floats;
  uint32_t* bits;
  long count;
};
static_assert(neuron_block % word_bits == 0, "two tasks would write to one word");

inline SpikeOutput spike_output(Arguments& args, const Neuron& n) {
  const long values = product(n.steps, n.size);
  if (args.next_type() != Type::int32) return {args.floats(values), nullptr, 0};
  if (n.steps > 1 && n.size % word_bits != 0) args.fail(Status::wrong_type);
  return {nullptr, args.bits(values), 0};
}

// The currents that are read after those of step t: of the next step, or the next task's first. A step is too short for
// the hardware prefetcher, so they are prefetched.
template <class Block>
inline const float* currents_after(const Block& block, const Neuron& n, long t) {
  return t + 1 < n.steps ? block.row(t + 1).x : block.row(0).x + neuron_block;
}

// v0 may be null for a sequence that starts at V_reset, v_last where the last potential is not needed.
template <Charge C, bool Soft, class Input>
void neuron_forward(const Neuron& n, const Input& input, const float* v0, SpikeOutput& spikes, float* v_last) {
  const Vector threshold = splat(n.threshold), rest = splat(n.reset);
  const Vector leak = splat(is_learned(C) ? n.rate : n.tau);
  parallel(ceil_div(n.size, neuron_block), [&](long task) {
    const long from = task * neuron_block, neurons = min(n.size - from, neuron_block);
    const auto block = input.block(from);
    // The potentials of the block, between one step and the next.
    float v[neuron_block + width];
    start_from(v0, n.reset, from, neurons, v);
    long fired = 0;
    for (long t = 0; t < n.steps; t++) {
      const auto current = block.row(t);
      const float* next = currents_after(block, n, t);
      const auto step = [=, &v](long i, long count) {
        __builtin_prefetch(next + i);
        const Vector h = charge_of<C>(load(v + i), current(i, count), leak, rest);
        const IntVector fires_now = fires(h, threshold);
        store(v + i, reset_of<Soft>(h, spikes_of(fires_now), threshold, rest));
        return fires_now;
      };
      if (spikes.bits == nullptr) {
        float* out = spikes.floats + t * n.size + from;
        for_vectors(0, neurons, [&](long i, long count) { store_part(out + i, spikes_of(step(i, count)), count); });
        continue;
      }
      uint32_t* out = spikes.bits + (t * n.size + from) / word_bits;
      for (long first = 0; first < neurons; first += word_bits) {
        uint32_t word = 0;
        for_vectors(first, min(neurons, first + word_bits),
                    [&](long i, long count) { word |= signs(step(i, count)) << (i - first); });
        // Lanes past the end may have fired too.
        out[first / word_bits] = word &= first_bits(neurons - first);
        fired += __builtin_popcount(word);
      }
    }
    if (v_last != nullptr) memcpy(v_last + from, v, neurons * sizeof(float));
    if (spikes.bits != nullptr) __atomic_fetch_add(&spikes.count, fired, __ATOMIC_RELAXED);
  });
}

// x [T][size], v [size], rate [1] -> spikes [T][size], v [size]; when the spikes are bits, also their number
SEW_KERNEL(multiStepNeuron) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  const float *x = args.floats(product(n.steps, n.size)), *v = args.floats(n.size), *rate = args.floats(1);
  SpikeOutput spikes = spike_output(args, n);
  float* v_last = args.floats(n.size);
  int32_t* spike_count = spikes.bits != nullptr ? args.ints(count_words) : nullptr;
  if (args.status != Status::ok) return args.status;
  n.rate = *rate;
  for_kind(n, [&](auto kind) { neuron_forward<kind.charge, kind.soft>(n, Currents{x, n.size}, v, spikes, v_last); });
  if (spikes.bits != nullptr) store_count(spike_count, spikes.count);
  return Status::ok;
}

// Repeats the forward pass, saving H of the block, then goes back through time:
//   dH[t] = dS[t] σ'(H - V_th) + dV[t] ∂V/∂H,   dX[t] = dH[t] ∂H/∂X,   dV[t-1] = dH[t] ∂H/∂V.
//
// Chunks of blocks are divided among threads. Their number depends on the size alone; `partial` has a number for each.
// v0, dv_last and dv0 may be null, for a sequence that starts at V_reset and whose last potential is not used.
template <Charge C, bool Soft, class Input, class Output>
Status neuron_backward(const Neuron& n, const Input& input, const float* v0, const float* ds, const float* dv_last,
                       Output output, float* dv0, float* drate, double* partial) {
  const Vector threshold = splat(n.threshold), rest = splat(n.reset), one = splat(1.0f);
  const Vector leak = splat(is_learned(C) ? n.rate : n.tau);
  const bool detach = n.detach;
  bool failed = false;
  // One block; returns its share of the gradient of a learned leak.
  const auto backward = [&](long from, float* h_of, double* sums) {
    const long neurons = min(n.size - from, neuron_block);
    const auto currents = input.block(from);
    auto gradients = output.block(from, sums);
    float start[neuron_block + width];
    start_from(v0, n.reset, from, neurons, start);
    for (long t = 0; t < n.steps; t++) {
      const auto current = currents.row(t);
      float* h = h_of + t * neuron_block;
      const float *next = currents_after(currents, n, t), *next_ds = ds + t * n.size + from;
      const auto charge_from = [=](const auto& potential) {
        for_vectors(0, neurons, [=](long i, long count) {
          __builtin_prefetch(next + i);
          if (t == n.steps - 1) __builtin_prefetch(next_ds + i);
          store(h + i, charge_of<C>(potential(i), current(i, count), leak, rest));
        });
      };
      if (t == 0) charge_from([&](long i) { return load(start + i); });
      else charge_from([=](long i) {
        const Vector last = load(h - neuron_block + i);
        return reset_of<Soft>(last, fire(last, threshold), threshold, rest);
      });
    }
    float dv[neuron_block + width];
    start_from(dv_last, 0, from, neurons, dv);
    float slopes[neuron_block];
    Vector rates[neuron_block / width] = {};
    for (long t = n.steps - 1; t >= 0; t--) {
      const float *h_now = h_of + t * neuron_block, *ds_now = ds + t * n.size + from;
      const float* ds_next = ds_now - (t > 0 ? n.size : 0);
      slopes_of(n, h_now, neurons, slopes);
      const auto current = currents.row(t);
      const auto gradient = gradients.row(t);
      for_vectors(0, neurons, [=, &dv, &slopes, &rates, &start](long i, long count) {
        __builtin_prefetch(ds_next + i);
        const Vector h = load(h_now + i), s = fire(h, threshold), slope = load(slopes + i), g = load(dv + i);
        Vector dh = load_part(ds_now + i, count) * slope + (Soft ? g : g * (one - s));
        if (!detach) dh += Soft ? -g * threshold * slope : g * (rest - h) * slope;
        Vector dcurrent = dh, dpotential = dh;
        if (C != Charge::integrate) {
          const Vector decay = leaked<C>(dh, leak);
          dpotential = dh - decay;
          if (decays_input(C)) dcurrent = decay;
        }
        if (is_learned(C)) {
          // V[t-1], which H[t-1] determines.
          const Vector last = load(t == 0 ? start + i : h_now - neuron_block + i);
          Vector pull = rest - (t == 0 ? last : reset_of<Soft>(last, fire(last, threshold), threshold, rest));
          if (decays_input(C)) pull += current(i, count);
          rates[i / width] += first_lanes(dh * pull, count);
        }
        gradient(i, count, dcurrent);
        store(dv + i, dpotential);
      });
    }
    gradients.finish();
    if (dv0 != nullptr) memcpy(dv0 + from, dv, neurons * sizeof(float));
    double rate_sum = 0;
    if (is_learned(C)) {
      for (const Vector& r : rates)
        for (int i = 0; i < width; i++) rate_sum += r[i];
    }
    return rate_sum;
  };
  const long chunk = neuron_chunk(n.size), chunks = ceil_div(n.size, chunk);
  parallel(chunks, [&](long task) {
    float* h_of = scratch(1, n.steps * neuron_block);
    if (h_of == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    double* sums = output.begin(task);
    partial[task] = 0;
    for (long from = task * chunk; from < min(n.size, (task + 1) * chunk); from += neuron_block)
      partial[task] += backward(from, h_of, sums);
  });
  if (failed) return Status::out_of_memory;
  double sum = 0;
  for (long i = 0; i < chunks; i++) sum += partial[i];
  *drate = static_cast<float>(sum);
  return Status::ok;
}

// x, v, rate, dspikes [T][size], dv [size] -> dx [T][size], dv [size], drate [1]
SEW_KERNEL(multiStepNeuronGrad) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  const float *x = args.floats(product(n.steps, n.size)), *v = args.floats(n.size), *rate = args.floats(1);
  const float *ds = args.floats(product(n.steps, n.size)), *dv_last = args.floats(n.size);
  float *dx = args.floats(product(n.steps, n.size)), *dv = args.floats(n.size), *drate = args.floats(1);
  if (args.status != Status::ok) return args.status;
  n.rate = *rate;
  double* partial = reinterpret_cast<double*>(scratch(0, doubles(neuron_chunks)));
  if (partial == nullptr) return Status::out_of_memory;
  Status status = Status::ok;
  for_kind(n, [&](auto kind) {
    status = neuron_backward<kind.charge, kind.soft>(n, Currents{x, n.size}, v, ds, dv_last,
                                                     CurrentGradient{dx, n.size}, dv, drate, partial);
  });
  return status;
}
