// Batch norm and neurons in one pass: S = SN((x - mean) * factor + offset), without writing the normalised currents to
// memory, and its gradient. Normalised values are the same bits as in batchNorm.h, and spikes as in multiStepNeuron.h, whose
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
  const float* x;
  long size;
  Norm norm;

  static long floats() { return 3 * neuron_block; }

  struct Block {
    const float* x;
    const long size;
    const Range range;
    float *mean, *factor, *offset;  // of each neuron
    const float* row(long t, float* own) const {
      const float* values = x + t * size;
      if (!range.is_whole()) copy_range(values, range, own), values = own;
      for (long i = 0; i < range.padded(); i += width)
        store(own + i, fma(load(values + i) - load(mean + i), load(factor + i), load(offset + i)));
      return own;
    }
    const float* row_again(long, const float* own) const { return own; }
    const float* next(long t, long steps) const { return t < steps ? x + t * size : x + neuron_block; }
  };
  Block block(const Range& range, Memory& memory) const {
    const auto spread = [&](const float* values) {
      float* to = memory.take(neuron_block);
      spread_channels(values, norm.C, range, to);
      return to;
    };
    return {x + range.from, size, range, spread(norm.mean), spread(norm.factor), spread(norm.offset)};
  }
};

// Sums the gradient d of the currents and d (x - mean) by channel.
struct NormalisedGradient {
  const float* x;
  long size;
  Norm norm;

  long sums() const { return 2 * norm.C; }
  static long floats() { return 3 * neuron_block; }

  struct Block {
    const float* x;
    const long size, C;
    const Range range;
    float *mean, *first, *second;  // of each neuron; the sums are over the steps
    void add(const float* d, long t) const {
      const float* values = x + t * size;
      for_vectors(0, range.neurons, [=](long i, long count) {
        const Vector g = load(d + i);
        store(first + i, load(first + i) + g);
        store(second + i, load(second + i) + g * (load_part(values + i, count) - load(mean + i)));
      });
    }
    void finish(double* sums) const {
      add_to_channels(first, range, C, sums);
      add_to_channels(second, range, C, sums + C);
    }
  };
  Block block(const Range& range, Memory& memory) const {
    float *mean = memory.take(neuron_block), *first = memory.take(neuron_block), *second = memory.take(neuron_block);
    spread_channels(norm.mean, norm.C, range, mean);
    memset(first, 0, neuron_block * sizeof(float));
    memset(second, 0, neuron_block * sizeof(float));
    return {x + range.from, size, norm.C, range, mean, first, second};
  }
};

// epsilon, then as multiStepNeuron; code; x, mean, variance, scale, offset, parameters -> spikes, in any form, and their
// events where they are packed
SEW_KERNEL(normNeuron) {
  Arguments args(call);
  const double epsilon = args.number();
  Neuron n = neuron_of(args);
  const long C = n.channels;
  const float *x = args.floats(n.values()), *mean = args.floats(C), *variance = args.floats(C);
  const float *scale = args.floats(C), *offset = args.floats(C);
  read_parameters(args, n);
  SpikeOutput spikes = spike_output(args, n);
  int32_t* events = spikes.packed() ? args.ints(count_words) : nullptr;
  if (args.status != Status::ok) return args.status;
  float* shared = scratch(0, C + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Norm norm = norm_of(C, epsilon, mean, variance, scale, offset, shared);
  const Scalars scalars(n, shared + C);
  const Status status =
      neuron_forward(n, scalars, NormalisedCurrents{x, n.size, norm}, nullptr, spikes, nullptr);
  if (events != nullptr) store_count(events, spikes.events);
  return status;
}

// epsilon, whether mean and variance are those of x, then as multiStepNeuron; code; x, mean, variance, scale, offset,
// parameters, dspikes -> dx, dscale, doffset, dparameters. Where they are not, no gradient flows through mean and variance.
// dx may be dspikes itself.
SEW_KERNEL(normNeuronGrad) {
  Arguments args(call);
  const double epsilon = args.number();
  const bool own = args.number() != 0;
  Neuron n = neuron_of(args);
  const long C = n.channels, values = n.values();
  const float *x = args.floats(values), *mean = args.floats(C), *variance = args.floats(C);
  const float *scale = args.floats(C), *offset = args.floats(C);
  read_parameters(args, n);
  const float* dspikes = args.floats(values);
  float *dx = args.floats(values), *dscale = args.floats(C), *doffset = args.floats(C);
  const ParameterGradients dparameters = parameter_gradients(args, n);
  if (args.status != Status::ok) return args.status;
  const long sum_floats = Sums::floats(n, 2 * C);
  float* shared = scratch(0, sum_floats + 4 * C + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Sums sums(n, 2 * C, shared);
  float* factors = shared + sum_floats;
  const Norm norm = norm_of(C, epsilon, mean, variance, scale, offset, factors);
  const Scalars scalars(n, factors + 4 * C);
  const Status status = neuron_backward(n, scalars, NormalisedCurrents{x, n.size, norm}, nullptr, dspikes, nullptr,
                                        NormalisedGradient{x, n.size, norm}, dx, nullptr, sums);
  if (status != Status::ok) return status;
  sums.join();
  const NormGradient to = {factors + C, factors + 2 * C, factors + 3 * C};
  norm_gradients(values / C, C, epsilon, scale, variance, sums.of, dscale, doffset, to);
  if (!own) memset(to.level, 0, 2 * C * sizeof(float));
  norm_input_gradient(values / C, C, x, dx, mean, to, dx);
  store_gradients(n, sums.of + 2 * C, dparameters);
  return Status::ok;
}
