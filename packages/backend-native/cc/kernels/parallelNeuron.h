// Parallel neurons: H = W X + B over all steps of a block of neurons, and the programs of lib/program.h on H, in the loops
// of multiStepNeuron.h; normalised currents are those of normNeuron.h.
//
// No product is fused with a sum and all sums have one order, so that H and the gradients of the same X are the same bits on
// every instruction set.
#pragma once
#include "../lib/tile.h"
#include "normNeuron.h"

// An element of matrices whose products are rounded before they are added.
struct Rounded {
  float value;
};
inline Vector add_product(Vector sum, Vector a, Vector b, Rounded) { return sum + a * b; }
inline Vector load(const Rounded* p) { return load(&p->value); }
inline Vector splat(Rounded x) { return splat(x.value); }

// Values of a block of neurons for some steps, whose rows are `stride` apart.
struct BlockRows {
  const float* of;
  long rows, stride;
  const float* row(long t) const { return of + t * stride; }
};

// A matrix of weights, whose element (i, j) is of[i * row + j * step].
struct Weights {
  const float* of;
  long row, step;
};

// to (+)= a b, `rows` rows of n neurons in whole passes. Loads the same columns of `ahead` into the cache meanwhile.
inline void mix_rows(const Weights& a, const BlockRows& b, long n, float* to, long rows, long to_row, bool accumulate,
                     const BlockRows& ahead) {
  static_assert(pass_floats % panel == 0, "whole passes are whole panels");
  const long zero = 0;
  for (long k = 0; k < n; k += panel) {
    for (long t = 0; t < ahead.rows; t++)
      for (long c = k; c < k + panel; c += 16) __builtin_prefetch(ahead.row(t) + c, 0, 2);
    TileArgs<Rounded> t;
    t.a = reinterpret_cast<const Rounded*>(a.of);
    t.a_row = a.row, t.a_group = 0, t.a_step = a.step, t.a_offset = &zero;
    t.b = reinterpret_cast<const Rounded*>(b.of + k);
    t.b_step = b.stride, t.b_segment = 0;
    t.segments = 1, t.length = b.rows;
    t.y = to + k, t.y_row = to_row, t.y_group = 0;
    t.columns = panel, t.accumulate = accumulate;
    tile_rows_of(t, rows);
  }
}

constexpr long sum_lanes = 16;  // of a sum over neurons, each that of every 16th neuron, on every instruction set

// Adds the second half of the first 2 Half lanes to the first, and so on, until the first lane has the sum.
template <int Half>
inline Vector add_halves(Vector v) {
  IntVector from;
  for (int i = 0; i < width; i++) from[i] = (i + Half) % width;
  v = v + pick(v, v, from);
  if constexpr (Half > 1) return add_halves<Half / 2>(v);
  return v;
}
inline float sum_of_lanes(const float* of) {
  Vector v[sum_lanes / width];
#pragma GCC unroll 4
  for (long i = 0; i < sum_lanes / width; i++) v[i] = load(of + i * width);
#pragma GCC unroll 4
  for (long half = sum_lanes / width / 2; half > 0; half /= 2)
    for (long i = 0; i < half; i++) v[i] = v[i] + v[i + half];
  return add_halves<width / 2>(v[0])[0];
}

// sums[i][j] += a[i] . b[j] over n neurons, whole passes.
inline void add_products(const BlockRows& a, const BlockRows& b, long n, double* sums) {
  constexpr long rows = 4, columns = tile_rows > 6 ? 6 : 2;  // of products whose sums fit the registers
  static_assert(pass_floats % sum_lanes == 0, "whole passes are whole lanes");
  for (long j = 0; j < b.rows; j += columns) {
    for (long i = 0; i < a.rows; i += rows) {
      // What hangs over the edge is the last row again.
      const float *from[rows], *by[columns];
      for (long r = 0; r < rows; r++) from[r] = a.row(min(i + r, a.rows - 1));
      for (long c = 0; c < columns; c++) by[c] = b.row(min(j + c, b.rows - 1));
      float partial[rows][columns][sum_lanes];
      for (long lane = 0; lane < sum_lanes; lane += width) {
        Vector sum[rows][columns] = {};
        for (long k = lane; k < n; k += sum_lanes) {
          Vector x[rows];
#pragma GCC unroll 16
          for (long r = 0; r < rows; r++) x[r] = load(from[r] + k);
#pragma GCC unroll 16
          for (long c = 0; c < columns; c++) {
            const Vector y = load(by[c] + k);
#pragma GCC unroll 16
            for (long r = 0; r < rows; r++) sum[r][c] = sum[r][c] + x[r] * y;
          }
        }
#pragma GCC unroll 16
        for (long r = 0; r < rows; r++)
#pragma GCC unroll 16
          for (long c = 0; c < columns; c++) store(partial[r][c] + lane, sum[r][c]);
      }
      for (long r = 0; r < min(rows, a.rows - i); r++)
        for (long c = 0; c < min(columns, b.rows - j); c++)
          sums[(i + r) * b.rows + j + c] += sum_of_lanes(partial[r][c]);
    }
  }
}

constexpr long mixed_floats = 1L << 16;  // about as many values of a block as stay in the cache
constexpr long mixed_least = 64;        // fewest neurons of a block
static_assert(mixed_least % pass_floats == 0 && mixed_least % word_bits == 0, "blocks are whole passes and words");

// Mixes the currents of all steps; see Unmixed.
class Mixed {
 public:
  // T', the steps of the input.
  Mixed(Arguments& args, Neuron& n)
      : steps(n.steps), inputs(args.integer(1)), values(product(inputs, n.size)) {
    while (n.block > mixed_least && product(2 * steps + inputs, n.block) > mixed_floats) n.block /= 2;
    block_ = n.block;
  }

  // W [T][T'], B [T]
  void read(Arguments& args) { rows_ = args.floats(product(steps, inputs)), bias_ = args.floats(steps); }
  void read_gradients(Arguments& args) { drows_ = args.floats(product(steps, inputs)), dbias_ = args.floats(steps); }

  template <class Input>
  struct Currents {
    const Mixed& mix;
    Input input;
    const float* dspikes;  // in the backward pass

    long floats() const { return mix.floats(mix.inputs) + mix.floats(mix.steps) + input.floats(); }

    struct Block {
      typename Input::Block input;
      float* own;  // the input's copy
      BlockRows x, h;
      const float* row(long t, float*) const { return h.row(t); }
      const float* row_again(long t, const float*) const { return h.row(t); }
      const float* next(long t, long steps) const { return h.row(min(t, steps - 1)); }
    };
    Block block(const Range& range, Memory& memory) const {
      const long stride = mix.stride(), n = range.padded();
      float *own = memory.take(mix.floats(mix.inputs)), *h = memory.take(mix.floats(mix.steps));
      const auto rows = input.block(range, memory);
      for (long t = 0; t < mix.inputs; t++) {
        const float* row = rows.row(t, own + t * stride);
        if (row != own + t * stride) memcpy(own + t * stride, row, n * sizeof(float));
      }
      const BlockRows x = {own, mix.inputs, stride};
      for (long t = 0; t < mix.steps; t++)
        for (long i = 0; i < n; i += width) store(h + t * stride + i, splat(mix.bias_[t]));
      // In the backward pass the gradient of the block before has loaded the input.
      const BlockRows ahead = dspikes == nullptr ? BlockRows{rows.address(mix.block_), mix.inputs, rows.size}
                                                 : BlockRows{dspikes + range.from, mix.steps, rows.size};
      mix_rows({mix.rows_, mix.inputs, 1}, x, n, h, mix.steps, stride, true, ahead);
      return {rows, own, x, {h, mix.steps, stride}};
    }
  };
  template <class Input>
  Currents<Input> currents(const Input& input, const float* dspikes = nullptr) const { return {*this, input, dspikes}; }

  // dX = W' dH, whose rows `output` takes, and the sums of dW = dH X' and dB, which follow those of `output`.
  template <class Output>
  struct Gradient {
    const Mixed& mix;
    Output output;

    long sums() const { return output.sums() + mix.sums(); }
    long floats() const { return mix.floats(mix.steps) + output.floats(); }

    struct Block {
      const Mixed& mix;
      typename Output::Block output;
      long output_sums;
      BlockRows x, ahead;
      float *own, *dh;
      float* row(long t, float*) const { return dh + t * mix.stride(); }
      void add(const float*, long) const {}
      const float* next(long t) const { return output.next(t); }
      void finish(double* sums) const {
        const long n = output.range.neurons, padded = output.range.padded(), stride = mix.stride();
        for (long t = 0; t < mix.steps; t++) memset(dh + t * stride + n, 0, (padded - n) * sizeof(float));
        const BlockRows rows = {dh, mix.steps, stride};
        double* mine = sums + output_sums;
        add_products(rows, x, padded, mine);
        for (long t = 0; t < mix.steps; t++) mine[mix.steps * mix.inputs + t] += sum_of(dh + t * stride, padded);
        // The input's copy is not read again.
        float* dx = output.row(0, own);
        const long dx_row = dx == own ? stride : output.size;
        mix_rows({mix.rows_, 1, mix.inputs}, rows, padded, dx, mix.inputs, dx_row, false, ahead);
        for (long t = 0; t < mix.inputs; t++) output.add(dx + t * dx_row, t);
        output.finish(sums);
      }
    };
    template <class Input>
    Block block(const Range& range, Memory& memory, const Input& input) const {
      float* dh = memory.take(mix.floats(mix.steps));
      const auto& rows = input.input;
      const BlockRows ahead = {rows.address(mix.block_), mix.inputs, rows.size};
      return {mix, output.block(range, memory, rows), output.sums(), input.x, ahead, input.own, dh};
    }
  };
  template <class Output>
  Gradient<Output> gradient(const Output& output) const { return {*this, output}; }

  // Numbers that each chunk sums, and dW and dB from them.
  long sums() const { return product(steps, inputs + 1); }
  void store_gradients(const double* sums) const {
    for (long i = 0; i < steps * inputs; i++) drows_[i] = static_cast<float>(*sums++);
    for (long t = 0; t < steps; t++) dbias_[t] = static_cast<float>(*sums++);
  }

  const long steps, inputs, values;

 private:
  long stride() const { return block_ + 16; }  // no power of two, since rows would share sets of the cache
  long floats(long rows) const { return product(rows, stride()); }

  long block_;
  const float *rows_, *bias_;
  float *drows_, *dbias_;
};

// As multiStepNeuron, T'; code; x [T'][size], W [T][T'], B [T], parameters -> spikes [T][size], and their events where they
// are packed
SEW_KERNEL(parallelNeuron) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  Mixed mix(args, n);
  const float* x = args.floats(mix.values);
  mix.read(args);
  read_parameters(args, n);
  SpikeOutput spikes = spike_output(args, n);
  int32_t* events = spikes.packed() ? args.ints(count_words) : nullptr;
  if (args.status != Status::ok) return args.status;
  float* shared = scratch(0, Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Scalars scalars(n, shared);
  const Status status = neuron_forward(n, scalars, mix.currents(Currents{x, n.size}), nullptr, spikes, nullptr);
  if (events != nullptr) store_count(events, spikes.events);
  return status;
}

// As multiStepNeuron, T'; code; x, W, B, parameters, dspikes [T][size] -> dx [T'][size], dW, dB, dparameters
SEW_KERNEL(parallelNeuronGrad) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  Mixed mix(args, n);
  const float* x = args.floats(mix.values);
  mix.read(args);
  read_parameters(args, n);
  const float* dspikes = args.floats(n.values());
  float* dx = args.floats(mix.values);
  mix.read_gradients(args);
  const ParameterGradients dparameters = parameter_gradients(args, n);
  if (args.status != Status::ok) return args.status;
  const long sum_floats = Sums::floats(n, mix.sums());
  float* shared = scratch(0, sum_floats + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Sums sums(n, mix.sums(), shared);
  const Scalars scalars(n, shared + sum_floats);
  const auto currents = mix.currents(Currents{x, n.size}, dspikes);
  const auto gradient = mix.gradient(CurrentGradient{dx, n.size});
  const Status status = neuron_backward(n, scalars, currents, nullptr, dspikes, nullptr, gradient, nullptr, sums);
  if (status != Status::ok) return status;
  sums.join();
  mix.store_gradients(sums.of);
  store_gradients(n, sums.of + mix.sums(), dparameters);
  return Status::ok;
}

// As normNeuron, T'; W and B before the parameters
SEW_KERNEL(normParallelNeuron) { return norm_neuron<Mixed>(call); }

// As normNeuronGrad, T'; W and B, and their gradients, before the parameters and theirs
SEW_KERNEL(normParallelNeuronGrad) { return norm_neuron_grad<Mixed>(call); }
