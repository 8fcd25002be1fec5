// Batch norm and neurons in one pass: S = SN((x - mean) * factor + offset), without writing the normalised currents to
// memory, and its gradient. Normalised values are the same bits as in batchNorm.h, and spikes as in multiStepNeuron.h, whose
// loops read and write through the functions below.
#pragma once
#include "batchNorm.h"
#include "multiStepNeuron.h"

// Per-channel numbers, repeated past the end so that a vector may start at any channel.
struct Channels {
  long C;
  float *mean, *factor, *offset;
  static size_t floats(long C) { return 3 * (C + width); }
};

inline Channels channels_of(long C, double epsilon, const float* mean, const float* variance, const float* scale,
                            const float* offset, float* memory) {
  const Channels g = {C, memory, memory + C + width, memory + 2 * (C + width)};
  for (long i = 0; i < C + width; i++) {
    g.mean[i] = mean[i % C];
    g.factor[i] = factor_of(scale[i % C], variance[i % C], epsilon);
    g.offset[i] = offset[i % C];
  }
  return g;
}

// The channel of the first neuron of each vector of a block, the same at every step.
struct BlockChannels {
  long first[neuron_block / width];
  BlockChannels(long from, long C) {
    for (long i = 0; i < neuron_block / width; i++) first[i] = (from + i * width) % C;
  }
};

// The currents of the neurons: normalised values of x.
struct NormalisedCurrents {
  const float* x;
  long size;
  Channels g;

  struct Block {
    const float* x;
    const long size;
    const Channels g;
    const BlockChannels channels;

    struct Row {
      const float *x, *mean, *factor, *offset;
      const long* channel;
      Vector operator()(long i, long count) const {
        const long c = channel[i / width];
        return fma(load_part(x + i, count) - load(mean + c), load(factor + c), load(offset + c));
      }
    };
    Row row(long t) const { return {x + t * size, g.mean, g.factor, g.offset, channels.first}; }
  };
  Block block(long from) const { return {x + from, size, g, BlockChannels(from, g.C)}; }
};

// Writes the gradient d of the currents, and sums d and d (x - mean) by channel.
struct NormalisedGradient {
  float* dx;
  const float* x;
  long size;
  Channels g;
  double* sums;  // of each chunk: of d by channel, then of d (x - mean)

  struct Block {
    float* dx;
    const float *x, *mean;
    const long size, neurons, C;
    double* sums;
    const BlockChannels channels;
    // Over the steps, for every neuron.
    Vector first[neuron_block / width] = {}, second[neuron_block / width] = {};

    struct Row {
      float* dx;
      const float *x, *mean;
      const long* channel;
      Vector *first, *second;
      void operator()(long i, long count, Vector d) const {
        const long at = i / width;
        const Vector centred = load_part(x + i, count) - load(mean + channel[at]);
        store_part(dx + i, d, count);
        first[at] += d;
        second[at] += d * centred;
      }
    };
    Row row(long t) { return {dx + t * size, x + t * size, mean, channels.first, first, second}; }
    void finish() const {
      add_neurons(reinterpret_cast<const float*>(first), sums);
      add_neurons(reinterpret_cast<const float*>(second), sums + C);
    }
    // Adds the numbers of the neurons to the sums of their channels.
    void add_neurons(const float* of, double* to) const {
      for (long i = 0, c = channels.first[0]; i < neurons; c = 0) {
        const long count = min(C - c, neurons - i);
        for (long k = 0; k < count; k++) to[c + k] += of[i + k];
        i += count;
      }
    }
  };

  double* begin(long chunk) const {
    double* mine = sums + chunk * 2 * g.C;
    memset(mine, 0, 2 * g.C * sizeof(double));
    return mine;
  }
  Block block(long from, double* mine) const {
    return {dx + from, x + from, g.mean, size, min(size - from, neuron_block), g.C, mine, BlockChannels(from, g.C)};
  }
};

// x, mean, variance, scale, offset, rate -> spikes, as floats or as bits with their number
SEW_KERNEL(normNeuron) {
  Arguments args(call);
  const long C = args.integer(1);
  const double epsilon = args.number();
  Neuron n = neuron_of(args);
  const long values = product(n.steps, n.size);
  const float *x = args.floats(values), *mean = args.floats(C), *variance = args.floats(C);
  const float *scale = args.floats(C), *offset = args.floats(C), *rate = args.floats(1);
  SpikeOutput spikes = spike_output(args, n);
  int32_t* spike_count = spikes.bits != nullptr ? args.ints(count_words) : nullptr;
  if (n.size % C != 0) args.fail(Status::wrong_arguments);
  if (args.status != Status::ok) return args.status;
  n.rate = *rate;
  float* memory = scratch(0, Channels::floats(C));
  if (memory == nullptr) return Status::out_of_memory;
  const NormalisedCurrents input = {x, n.size, channels_of(C, epsilon, mean, variance, scale, offset, memory)};
  for_kind(n, [&](auto kind) { neuron_forward<kind.charge, kind.soft>(n, input, nullptr, spikes, nullptr); });
  if (spikes.bits != nullptr) store_count(spike_count, spikes.count);
  return Status::ok;
}

// x, mean, variance, scale, offset, rate, dspikes -> dx, dscale, doffset, drate. Where mean and variance are not those of
// x (`own` is 0), no gradient flows through them. dx may be dspikes itself.
SEW_KERNEL(normNeuronGrad) {
  Arguments args(call);
  const long C = args.integer(1);
  const double epsilon = args.number();
  const bool own = args.number() != 0;
  Neuron n = neuron_of(args);
  const long values = product(n.steps, n.size);
  const float *x = args.floats(values), *mean = args.floats(C), *variance = args.floats(C);
  const float *scale = args.floats(C), *offset = args.floats(C), *rate = args.floats(1), *ds = args.floats(values);
  float *dx = args.floats(values), *dscale = args.floats(C), *doffset = args.floats(C), *drate = args.floats(1);
  if (n.size % C != 0) args.fail(Status::wrong_arguments);
  if (args.status != Status::ok) return args.status;
  n.rate = *rate;
  const long chunks = max(1, ceil_div(n.size, neuron_chunk(n.size)));
  double* sums = reinterpret_cast<double*>(
      scratch(0, doubles(chunks * 2 * C + neuron_chunks) + Channels::floats(C) + 3 * C));
  if (sums == nullptr) return Status::out_of_memory;
  memset(sums, 0, 2 * C * sizeof(double));  // the sums where there is no neuron
  double* partial = sums + chunks * 2 * C;
  float* memory = reinterpret_cast<float*>(partial + neuron_chunks);
  float* factor = memory + Channels::floats(C);
  const Channels g = channels_of(C, epsilon, mean, variance, scale, offset, memory);
  const NormalisedGradient output = {dx, x, n.size, g, sums};
  Status status = Status::ok;
  for_kind(n, [&](auto kind) {
    status = neuron_backward<kind.charge, kind.soft>(n, NormalisedCurrents{x, n.size, g}, nullptr, ds, nullptr, output,
                                                     nullptr, drate, partial);
  });
  if (status != Status::ok) return status;
  constexpr long share = 256;
  parallel(ceil_div(2 * C, share), [&](long task) {
    for (long i = 1; i < chunks; i++)
      for (long c = task * share; c < min(2 * C, (task + 1) * share); c++) sums[c] += sums[i * 2 * C + c];
  });
  const NormGradient to = {factor, factor + C, factor + 2 * C};
  norm_gradients(values / C, C, epsilon, scale, variance, sums, dscale, doffset, to);
  if (!own) memset(to.level, 0, 2 * C * sizeof(float));
  norm_input_gradient(values / C, C, x, dx, mean, to, dx);
  return Status::ok;
}
