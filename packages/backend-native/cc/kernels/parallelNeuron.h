// Parallel neurons: H = W X + B over all steps of a block of neurons, and the programs of lib/program.h on H, in the loops
// of multiStepNeuron.h; normalised currents are those of normNeuron.h.
//
// B is the weight of one more current, which is always 1: [W B] and [X; 1] are the matrices here. No product is fused with
// a sum and all sums have one order, so that H and the gradients of the same X are the same bits on every instruction set.
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

// A matrix of values of a block, [rows][stride].
struct BlockMatrix {
  float* of;
  long rows, stride;
  float* row(long i) const { return of + i * stride; }
};

// Rows of a block in memory, to be loaded into the cache.
struct RowsAhead {
  const float* from;
  long rows, size;
};

// to = a b over n neurons, whole passes, where a[i][j] = weights[i * a_row + j * a_step]. Loads the columns of `ahead`
// meanwhile.
inline void mix_rows(const float* weights, long a_row, long a_step, const BlockMatrix& b, long n, const BlockMatrix& to,
                     const RowsAhead& ahead) {
  static_assert(pass_floats % panel == 0, "whole passes are whole panels");
  const long zero = 0;
  for (long k = 0; k < n; k += panel) {
    for (long t = 0; t < ahead.rows; t++)
      for (long c = k; c < k + panel; c += 16) __builtin_prefetch(ahead.from + t * ahead.size + c, 0, 2);
    TileArgs<Rounded> t;
    t.a = reinterpret_cast<const Rounded*>(weights);
    t.a_row = a_row, t.a_group = 0, t.a_step = a_step, t.a_offset = &zero;
    t.b = reinterpret_cast<const Rounded*>(b.of + k);
    t.b_step = b.stride, t.b_segment = 0;
    t.segments = 1, t.length = b.rows;
    t.y = to.of + k, t.y_row = to.stride, t.y_group = 0;
    t.columns = panel, t.accumulate = false;
    tile_rows_of(t, to.rows);
  }
}

// sums[i][j] += a[i] . b[j] over n neurons, whole passes. A product has partial sums of its own, each of every 16th
// neuron, on every instruction set.
inline void add_products(const BlockMatrix& a, const BlockMatrix& b, long n, double* sums) {
  constexpr long lanes = 16, rows = 4, columns = tile_rows > 6 ? 6 : 2;  // of products whose sums fit the registers
  static_assert(pass_floats % lanes == 0, "whole passes are whole lanes");
  for (long j = 0; j < b.rows; j += columns) {
    for (long i = 0; i < a.rows; i += rows) {
      // What hangs over the edge is the last row again.
      const float *from[rows], *by[columns];
      for (long r = 0; r < rows; r++) from[r] = a.row(min(i + r, a.rows - 1));
      for (long c = 0; c < columns; c++) by[c] = b.row(min(j + c, b.rows - 1));
      float partial[rows][columns][lanes];
      for (long lane = 0; lane < lanes; lane += width) {
        Vector sum[rows][columns] = {};
        for (long k = lane; k < n; k += lanes) {
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
      for (long r = 0; r < min(rows, a.rows - i); r++) {
        for (long c = 0; c < min(columns, b.rows - j); c++) {
          float* of = partial[r][c];
          for (long half = lanes / 2; half > 0; half /= 2)
            for (long k = 0; k < half; k++) of[k] += of[k + half];
          sums[(i + r) * b.rows + j + c] += of[0];
        }
      }
    }
  }
}

constexpr long mixed_floats = 1L << 16;  // about as many values of a block as stay in the cache
constexpr long mixed_least = 64;         // fewest neurons of a block
static_assert(mixed_least % pass_floats == 0 && mixed_least % word_bits == 0, "blocks are whole passes and words");

// Mixes the currents of all steps; see Unmixed.
class Mixed {
 public:
  // T', the steps of the input.
  Mixed(Arguments& args, Neuron& n)
      : steps(n.steps), inputs(args.integer(1)), values(product(inputs, n.size)) {
    while (n.block > mixed_least && product(2 * steps + inputs + 1, n.block) > mixed_floats) n.block /= 2;
    block_ = n.block;
  }

  // W [T][T'], B [T]
  void read(Arguments& args) { rows_ = args.floats(product(steps, inputs)), bias_ = args.floats(steps); }
  void read_gradients(Arguments& args) { drows_ = args.floats(product(steps, inputs)), dbias_ = args.floats(steps); }

  // Of [W B], for which begin() receives memory.
  long floats() const { return product(steps, inputs + 1); }
  long sums() const { return floats(); }
  void begin(float* memory) {
    weights_ = memory;
    for (long t = 0; t < steps; t++) {
      memcpy(weights_ + t * (inputs + 1), rows_ + t * inputs, inputs * sizeof(float));
      weights_[t * (inputs + 1) + inputs] = bias_[t];
    }
  }

  template <class Input>
  struct Currents {
    const Mixed& mix;
    Input input;
    const float* dspikes;  // in the backward pass

    long floats() const { return mix.matrix_floats(mix.inputs + 1) + mix.matrix_floats(mix.steps) + input.floats(); }

    struct Block {
      typename Input::Block input;
      BlockMatrix x, h;  // [X; 1] and H
      const float* row(long t, float*) const { return h.row(t); }
      const float* row_again(long t, const float*) const { return h.row(t); }
      const float* next(long t, long steps) const { return h.row(min(t, steps - 1)); }
    };
    Block block(const Range& range, Memory& memory) const {
      const BlockMatrix x = mix.matrix(mix.inputs + 1, memory), h = mix.matrix(mix.steps, memory);
      const auto rows = input.block(range, memory);
      for (long t = 0; t < mix.inputs; t++) {
        const float* row = rows.row(t, x.row(t));
        if (row != x.row(t)) memcpy(x.row(t), row, range.padded() * sizeof(float));
      }
      for (long i = 0; i < range.padded(); i++) x.row(mix.inputs)[i] = 1;
      // The next block's input, or in the backward pass, which has that from the gradient of the last block, dspikes.
      const RowsAhead ahead = dspikes == nullptr ? RowsAhead{rows.x + mix.block_, mix.inputs, rows.size}
                                                 : RowsAhead{dspikes + range.from, mix.steps, rows.size};
      mix_rows(mix.weights_, x.rows, 1, x, range.padded(), h, ahead);
      return {rows, x, h};
    }
  };
  template <class Input>
  Currents<Input> currents(const Input& input, const float* dspikes = nullptr) const { return {*this, input, dspikes}; }

  // dX = W' dH, whose rows `output` takes, and the sums of [dW dB] = dH [X; 1]', which follow those of `output`.
  template <class Output>
  struct Gradient {
    const Mixed& mix;
    Output output;

    long sums() const { return output.sums() + mix.sums(); }
    long floats() const { return mix.matrix_floats(mix.steps) + output.floats(); }

    struct Block {
      typename Output::Block output;
      const float* weights;
      BlockMatrix x, dh;
      RowsAhead ahead;
      long own_sums;
      float* row(long t, float*) const { return dh.row(t); }
      void add(const float*, long) const {}
      const float* next(long t) const { return output.next(t); }
      void finish(double* sums) const {
        const long n = output.range.neurons, padded = output.range.padded(), inputs = x.rows - 1;
        for (long t = 0; t < dh.rows; t++) memset(dh.row(t) + n, 0, (padded - n) * sizeof(float));
        add_products(dh, x, padded, sums + own_sums);
        mix_rows(weights, 1, x.rows, dh, padded, {x.of, inputs, x.stride}, ahead);
        for (long t = 0; t < inputs; t++) output.add(x.row(t), t);
        output.finish(sums);
      }
    };
    template <class Input>
    Block block(const Range& range, Memory& memory, const Input& input) const {
      const BlockMatrix dh = mix.matrix(mix.steps, memory);
      const RowsAhead ahead = {input.input.x + mix.block_, mix.inputs, input.input.size};
      return {output.block(range, memory, input), mix.weights_, input.x, dh, ahead, output.sums()};
    }
  };
  template <class Output>
  Gradient<Output> gradient(const Output& output) const { return {*this, output}; }

  // Writes dW and dB from their sums.
  void store(const double* sums) const {
    for (long t = 0; t < steps; t++) {
      for (long j = 0; j < inputs; j++) drows_[t * inputs + j] = static_cast<float>(*sums++);
      dbias_[t] = static_cast<float>(*sums++);
    }
  }

  const long steps, inputs, values;

 private:
  long stride() const { return block_ + 16; }  // no power of two, since rows would share sets of the cache
  long matrix_floats(long rows) const { return product(rows, stride()); }
  BlockMatrix matrix(long rows, Memory& memory) const { return {memory.take(matrix_floats(rows)), rows, stride()}; }

  long block_;
  const float *rows_, *bias_;
  float *weights_, *drows_, *dbias_;
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
  float* shared = scratch(0, mix.floats() + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  mix.begin(shared);
  const Scalars scalars(n, shared + mix.floats());
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
  float* shared = scratch(0, sum_floats + mix.floats() + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Sums sums(n, mix.sums(), shared);
  mix.begin(shared + sum_floats);
  const Scalars scalars(n, shared + sum_floats + mix.floats());
  const auto currents = mix.currents(Currents{x, n.size}, dspikes);
  const auto gradient = mix.gradient(CurrentGradient{dx, n.size});
  const Status status = neuron_backward(n, scalars, currents, nullptr, dspikes, nullptr, gradient, nullptr, sums);
  if (status != Status::ok) return status;
  sums.join();
  mix.store(sums.of);
  store_gradients(n, sums.of + mix.sums(), dparameters);
  return Status::ok;
}

// As normNeuron, T'; W and B before the parameters
SEW_KERNEL(normParallelNeuron) { return norm_neuron<Mixed>(call); }

// As normNeuronGrad, T'; W and B, and their gradients, before the parameters and theirs
SEW_KERNEL(normParallelNeuronGrad) { return norm_neuron_grad<Mixed>(call); }
