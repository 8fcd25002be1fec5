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

// The currents of the neurons: normalised values of x.
struct NormalisedCurrents {
  Values x;
  long size;
  Norm norm;

  static long floats() { return 3 * neuron_block; }

  struct Block {
    const Values x;
    const long size;
    const Range range;
    float *mean, *factor, *offset;  // of each neuron
    const float* row(long t, float* own) const {
      x.with([&](const auto* values) {
        for_vectors(0, range.neurons, [&](long i, long count) {
          const Vector v = load_part(values + t * size + i, count);
          store(own + i, fma(v - load(mean + i), load(factor + i), load(offset + i)));
        });
      });
      for (long i = ceil_div(range.neurons, width) * width; i < range.padded(); i += width) store(own + i, Vector{});
      return own;
    }
    const float* row_again(long, const float* own) const { return own; }
    const float* next(long t, long steps) const { return address(t < steps ? t * size : neuron_block); }
    const float* address(long i) const { return x.address(i); }
  };
  Block block(const Range& range, Memory& memory) const {
    const auto spread = [&](const float* values) {
      float* to = memory.take(neuron_block);
      spread_channels(values, norm.C, range, to);
      return to;
    };
    return {x.from(range.from), size, range, spread(norm.mean), spread(norm.factor), spread(norm.offset)};
  }
};

// The gradient d of the currents, of which and of d (x - mean) the sums by channel are taken.
struct NormalisedGradient {
  Values x;
  CurrentGradient to;
  Norm norm;

  long sums() const { return 2 * norm.C; }
  static long floats() { return 3 * neuron_block; }

  struct Block : CurrentGradient::Block {
    const Values x;
    const long C;
    float *mean, *first, *second;  // of each neuron; the sums are over the steps
    void add(const float* d, long t) const {
      CurrentGradient::Block::add(d, t);
      x.with([&](const auto* values) {
        for_vectors(0, range.neurons, [&](long i, long count) {
          const Vector g = load(d + i);
          store(first + i, load(first + i) + g);
          store(second + i, load(second + i) + g * (load_part(values + t * size + i, count) - load(mean + i)));
        });
      });
    }
    void finish(double* sums) const {
      add_to_channels(first, range, C, sums);
      add_to_channels(second, range, C, sums + C);
    }
  };
  template <class Currents>
  Block block(const Range& range, Memory& memory, const Currents& currents) const {
    float *mean = memory.take(neuron_block), *first = memory.take(neuron_block), *second = memory.take(neuron_block);
    spread_channels(norm.mean, norm.C, range, mean);
    memset(first, 0, neuron_block * sizeof(float));
    memset(second, 0, neuron_block * sizeof(float));
    return {to.block(range, memory, currents), x.from(range.from), norm.C, mean, first, second};
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
  const long own_sums = 2 * C + mix.sums(), sum_floats = Sums::floats(n, own_sums);
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
  norm_gradients(values / C, C, epsilon, scale, variance, sums.of, dscale, doffset, to);
  if (!own) memset(to.level, 0, 2 * C * sizeof(float));
  norm_input_gradient(values / C, C, x, dx, mean, to, dx);
  mix.store_gradients(sums.of + 2 * C);
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
