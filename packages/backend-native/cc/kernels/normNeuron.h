// Batch norm and neurons in one pass: S = SN((x - mean) * factor + offset), without the normalised currents ever being in
// memory, and its gradient. Normalised values are those of batchNorm.h, and the neurons those of multiStepNeuron.h, to the
// last bit: both read and write through the small functions below.

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

// What neurons see of x: its normalised values.
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
        return (load_part(x + i, count) - load(mean + c)) * load(factor + c) + load(offset + c);
      }
    };
    Row row(long t) const { return {x + t * size, g.mean, g.factor, g.offset, channels.first}; }
  };
  Block block(long from) const { return {x + from, size, g, BlockChannels(from, g.C)}; }
};

// Takes the currents' gradient d, and sums d and d (x - mean) by channel on the way.
struct NormalisedGradient {
  float* dx;
  const float* x;
  long size;
  Channels g;
  double* sums;  // of each task: its channels' first sums, then their second ones; see span()

  struct Block {
    float* dx;
    const float *x, *mean;
    const long size, neurons, span;
    double* mine;
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
    void finish() {
      const float *one = reinterpret_cast<const float*>(first), *other = reinterpret_cast<const float*>(second);
      for (long c = 0; c < 2 * span; c++) mine[c] = 0;
      for (long i = 0; i < neurons; i += span)
        for (long c = 0; c < min(span, neurons - i); c++) {
          mine[c] += one[i + c];
          mine[span + c] += other[i + c];
        }
    }
  };
  Block block(long from, long task) const {
    return {dx + from, x + from, g.mean, size, min(size - from, neuron_block), span(), sums + task * 2 * span(),
            BlockChannels(from, g.C)};
  }

  // Channels that a task meets; the first of them is that of its first neuron.
  long span() const { return min(g.C, neuron_block); }

  // The sums of all tasks, in order: total[0 .. C) and [C .. 2C). Channels are shared out among threads.
  void add_up(long tasks, double* total) const {
    constexpr long share = 64;
    const long C = g.C, met = span();
    parallel(ceil_div(C, share), [&](long part) {
      const long low = part * share, high = min(C, low + share);
      for (long c = low; c < high; c++) total[c] = total[C + c] = 0;
      for (long task = 0; task < tasks; task++) {
        // Channels first ... C - 1, then 0 ... first - 1.
        const long first = task * neuron_block % C;
        const double* of_task = sums + task * 2 * met;
        const auto add = [&](long from, long to, long channel_at_0) {
          for (long i = from; i < to; i++) {
            total[channel_at_0 + i] += of_task[i];
            total[C + channel_at_0 + i] += of_task[met + i];
          }
        };
        add(max(0, low - first), min(met, min(C, high) - first), first);
        add(max(C - first, low + C - first), min(met, high + C - first), first - C);
      }
    });
  }
};

// x, mean, variance, scale, offset, rate -> spikes, as floats or as bits with their number
Status normNeuron(const Call& call) {
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
Status normNeuronGrad(const Call& call) {
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
  const long tasks = ceil_div(n.size, neuron_block), sums_of_tasks = tasks * 2 * min(C, neuron_block);
  double* sums = reinterpret_cast<double*>(
      scratch(0, doubles(sums_of_tasks + 2 * C + tasks) + Channels::floats(C) + 3 * C));
  if (sums == nullptr) return Status::out_of_memory;
  double *total = sums + sums_of_tasks, *partial = total + 2 * C;
  float* memory = reinterpret_cast<float*>(partial + tasks);
  float* factor = memory + Channels::floats(C);
  const Channels g = channels_of(C, epsilon, mean, variance, scale, offset, memory);
  const NormalisedGradient output = {dx, x, n.size, g, sums};
  Status status = Status::ok;
  for_kind(n, [&](auto kind) {
    status = neuron_backward<kind.charge, kind.soft>(n, NormalisedCurrents{x, n.size, g}, nullptr, ds, nullptr, output,
                                                     nullptr, drate, partial);
  });
  if (status != Status::ok) return status;
  output.add_up(tasks, total);
  const NormGradient to = {factor, factor + C, factor + 2 * C};
  norm_gradients(values / C, C, epsilon, scale, variance, total, dscale, doffset, to);
  if (!own) memset(to.level, 0, 2 * C * sizeof(float));
  norm_input_gradient(values / C, C, x, dx, mean, to, dx);
  return Status::ok;
}
