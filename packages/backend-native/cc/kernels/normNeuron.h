// Batch norm and neurons in one pass: S = SN((x - mean) * factor + offset), without writing the normalised currents to
// memory, and its gradient. x may be stored as bfloat16. Normalised values are the same bits as in batchNorm.h, and spikes as in multiStepNeuron.h, whose
// loops read and write through the functions below.
#pragma once
#include "batchNorm.h"
#include "multiStepNeuron.h"

// Numbers of each channel.
struct Norm {
  long C;
  const float *mean, *factor, *offset;
};

// The factors are written to `factor`.
inline Norm norm_of(long C, double epsilon, const float* mean, const float* variance, const float* scale,
                    const float* offset, float* factor) {
  for (long c = 0; c < C; c++) factor[c] = factor_of(scale[c], variance[c], epsilon);
  return {C, mean, factor, offset};
}

// Numbers of channels for each neuron of a block, which repeat: so many stand for all. Whole vectors of every instruction set.
constexpr long period_lanes = 16;
static_assert(period_lanes % width == 0 && pass_floats % period_lanes == 0, "periods are whole vectors");
inline long period_of(long C, const Range& range) {
  while (C % period_lanes != 0) C *= 2;
  return min(C, range.padded());
}

// Calls f(Rows<vectors>(), the first neuron) for the vectors of a period, some at a time, so that their numbers fit the registers.
template <class F>
inline void for_period(long period, const F& f) {
  long k = 0;
  for (; k + 4 * width <= period; k += 4 * width) f(Rows<4>(), k);
  for (; k + 2 * width <= period; k += 2 * width) f(Rows<2>(), k);
  for (; k < period; k += width) f(Rows<1>(), k);
}

// Calls f(neuron, vector) for some vectors of every period of n neurons, which are whole vectors.
template <long N, class F>
inline void for_repeats(Rows<N>, long k, long period, long n, const F& f) {
  for (; k + N * width <= n; k += period)
#pragma GCC unroll 4
    for (long v = 0; v < N; v++) f(k + v * width, v);
#pragma GCC unroll 4
  for (long v = 0; v < N; v++)
    if (k + v * width < n) f(k + v * width, v);
}

// The currents of the neurons: normalised values of x.
struct NormalisedCurrents {
  Values x;
  long size;
  Norm norm;

  static long floats() { return 3 * block_stride; }

  struct Block {
    const Values x;
    const long size;
    const Range range;
    const long period;
    const float *mean, *factor, *offset;  // of a period
    const float* row(long t, float* own) const {
      x.with([&](const auto* all) {
        const auto* values = all + t * size;
        if (!range.is_whole()) {
          for (long i = 0; i < range.padded(); i++) {
            const long k = i % period;
            own[i] = i < range.neurons ? fma(value_of(values[i]) - mean[k], factor[k], offset[k]) : 0;
          }
          return;
        }
        for_period(period, [&](auto some, long k) {
          Vector m[some.count], f[some.count], o[some.count];
#pragma GCC unroll 4
          for (long v = 0; v < some.count; v++)
            m[v] = load(mean + k + v * width), f[v] = load(factor + k + v * width), o[v] = load(offset + k + v * width);
          for_repeats(some, k, period, range.neurons, [&](long i, long v) {
            store(own + i, fma(load(values + i) - m[v], f[v], o[v]));
          });
        });
      });
      return own;
    }
    const float* row_again(long, const float* own) const { return own; }
    const float* next(long t, long steps) const {
      return address(t < steps ? t * size : min(t - steps, steps - 1) * size + neuron_block);
    }
    const float* address(long i) const { return x.address(i); }
  };
  Block block(const Range& range, Memory& memory) const {
    const long period = period_of(norm.C, range);
    const auto spread = [&](const float* values) {
      float* to = memory.take(block_stride);
      spread_channels(values, norm.C, range.from, period, to);
      return to;
    };
    return {x.from(range.from), size, range, period, spread(norm.mean), spread(norm.factor), spread(norm.offset)};
  }
};

// The gradient d of the currents. Sums by channel are taken of d, of d (x - mean), and of x - mean.
struct NormalisedGradient {
  Values x;
  CurrentGradient to;
  Norm norm;

  long sums() const { return 3 * norm.C; }
  static long floats() { return 3 * block_stride; }

  struct Block : CurrentGradient::Block {
    const Values x;
    const long C, period;
    const float* mean;      // of a period, as the sums over its repeats and the steps
    float *first, *second, *third;
    void add(const float* d, long t) const {
      CurrentGradient::Block::add(d, t);
      x.with([&](const auto* all) {
        const auto* values = all + t * size;
        if (!range.is_whole()) {
          for (long k = 0; k < min(period, range.neurons); k++) {
            float sum = 0, products = 0, centre = 0;
            for (long i = k; i < range.neurons; i += period) {
              const float centred = value_of(values[i]) - mean[k];
              sum += d[i], products += d[i] * centred, centre += centred;
            }
            first[k] += sum, second[k] += products, third[k] += centre;
          }
          return;
        }
        for_period(period, [&](auto some, long k) {
          Vector m[some.count], sum[some.count] = {}, products[some.count] = {}, centre[some.count] = {};
#pragma GCC unroll 4
          for (long v = 0; v < some.count; v++) m[v] = load(mean + k + v * width);
          for_repeats(some, k, period, range.neurons, [&](long i, long v) {
            const Vector g = load(d + i), centred = load(values + i) - m[v];
            sum[v] = sum[v] + g;
            products[v] = products[v] + g * centred;
            centre[v] = centre[v] + centred;
          });
#pragma GCC unroll 4
          for (long v = 0; v < some.count; v++) {
            store(first + k + v * width, load(first + k + v * width) + sum[v]);
            store(second + k + v * width, load(second + k + v * width) + products[v]);
            store(third + k + v * width, load(third + k + v * width) + centre[v]);
          }
        });
      });
    }
    void finish(double* sums) const {
      const long n = min(period, range.neurons);
      add_to_channels(first, C, range.from, n, sums);
      add_to_channels(second, C, range.from, n, sums + C);
      add_to_channels(third, C, range.from, n, sums + 2 * C);
    }
  };
  template <class Currents>
  Block block(const Range& range, Memory& memory, const Currents& currents) const {
    float *first = memory.take(block_stride), *second = memory.take(block_stride), *third = memory.take(block_stride);
    memset(first, 0, currents.period * sizeof(float));
    memset(second, 0, currents.period * sizeof(float));
    memset(third, 0, currents.period * sizeof(float));
    return {to.block(range, memory, currents), x.from(range.from), norm.C, currents.period, currents.mean, first, second, third};
  }
};

// Neurons whose currents are those of the input at each step. parallelNeuron.h has what mixes the steps.
struct Unmixed {
  Unmixed(Arguments&, const Neuron& n) : values(n.values()) {}
  const long values;  // of the input
  void read(Arguments&) {}
  void read_gradients(Arguments&) {}
  static long sums() { return 0; }
  template <class Input>
  const Input& currents(const Input& input, const float* = nullptr) const { return input; }
  template <class Output>
  const Output& gradient(const Output& output) const { return output; }
  void store_gradients(const double*) const {}
};

template <class Mix>
Status norm_neuron(const Call& call) {
  Arguments args(call);
  const double epsilon = args.number();
  Neuron n = neuron_of(args);
  Mix mix(args, n);
  const long C = n.channels;
  const Values x = read_values(args, mix.values);
  const float *mean = args.floats(C), *variance = args.floats(C);
  const float *scale = args.floats(C), *offset = args.floats(C);
  mix.read(args);
  read_parameters(args, n);
  SpikeOutput spikes = spike_output(args, n);
  int32_t* events = spikes.packed() ? args.ints(count_words) : nullptr;
  if (args.status != Status::ok) return args.status;
  float* shared = scratch(0, C + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Norm norm = norm_of(C, epsilon, mean, variance, scale, offset, shared);
  const Scalars scalars(n, shared + C);
  const Status status =
      neuron_forward(n, scalars, mix.currents(NormalisedCurrents{x, n.size, norm}), nullptr, spikes, nullptr);
  if (events != nullptr) store_count(events, spikes.events);
  return status;
}

template <class Mix>
Status norm_neuron_grad(const Call& call) {
  Arguments args(call);
  const double epsilon = args.number();
  const bool own = args.number() != 0;
  Neuron n = neuron_of(args);
  Mix mix(args, n);
  const long C = n.channels, values = mix.values;
  const Values x = read_values(args, values);
  const float *mean = args.floats(C), *variance = args.floats(C);
  const float *scale = args.floats(C), *offset = args.floats(C);
  mix.read(args);
  read_parameters(args, n);
  const float* dspikes = args.floats(n.values());
  float *dx = args.floats(values), *dscale = args.floats(C), *doffset = args.floats(C);
  mix.read_gradients(args);
  const ParameterGradients dparameters = parameter_gradients(args, n);
  if (args.status != Status::ok) return args.status;
  const long own_sums = 3 * C + mix.sums(), sum_floats = Sums::floats(n, own_sums);
  float* shared = scratch(0, sum_floats + 4 * C + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Sums sums(n, own_sums, shared);
  float* factors = shared + sum_floats;
  const Norm norm = norm_of(C, epsilon, mean, variance, scale, offset, factors);
  const Scalars scalars(n, factors + 4 * C);
  const auto currents = mix.currents(NormalisedCurrents{x, n.size, norm}, dspikes);
  const auto gradient = mix.gradient(NormalisedGradient{x, {dx, n.size}, norm});
  const Status status = neuron_backward(n, scalars, currents, nullptr, dspikes, nullptr, gradient, nullptr, sums);
  if (status != Status::ok) return status;
  sums.join();
  const NormGradient to = {factors + C, factors + 2 * C, factors + 3 * C};
  norm_gradients(values / C, C, epsilon, own, scale, variance, sums.of, dscale, doffset, to);
  norm_input_gradient(values / C, C, x, dx, mean, to, dx);
  mix.store_gradients(sums.of + 3 * C);
  store_gradients(n, sums.of + own_sums, dparameters);
  return Status::ok;
}

// epsilon, then as multiStepNeuron; code; x, mean, variance, scale, offset, parameters -> spikes, in any form, and their
// events where they are packed
SEW_KERNEL(normNeuron) { return norm_neuron<Unmixed>(call); }

// epsilon, whether mean and variance are those of x, then as multiStepNeuron; code; x, mean, variance, scale, offset,
// parameters, dspikes -> dx, dscale, doffset, dparameters. Where they are not, no gradient flows through mean and variance.
// dx may be dspikes itself.
SEW_KERNEL(normNeuronGrad) { return norm_neuron_grad<Unmixed>(call); }
