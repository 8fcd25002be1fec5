// Neurons over a whole sequence, and their backward pass: the programs of lib/program.h, for T steps of a block of neurons
// at a time, whose state stays in the cache. Blocks are divided among threads.
//
// The arithmetic is that of the composed operations step by step, so that both fire alike.
#pragma once
#include "../lib/arguments.h"
#include "../lib/finite.h"
#include "../lib/moments.h"
#include "../lib/program.h"
#include "../lib/vectors.h"
#include "spikes.h"

constexpr long neuron_chunks = 32;  // most chunks of blocks with sums of their own in the backward pass
constexpr long neuron_tasks = 256;  // about as many tasks of the forward pass, of a few blocks each

// Neurons of a chunk: whole blocks, and at least one.
inline long neuron_chunk(long size) { return max(1, ceil_div(size, neuron_block * neuron_chunks)) * neuron_block; }

struct Neuron {
  long steps, size, channels;  // T, neurons, and values of a parameter per channel; neuron i is of channel i % channels
  long block;                  // neurons that are computed together; a whole part of neuron_block
  NeuronCode code;
  const float* parameters[most_parameters];

  long values() const { return product(steps, size); }
  long parameter_size(long p) const { return code.is_channel[p] != 0 ? channels : 1; }
  long parameter_floats() const {
    long sum = 0;
    for (long p = 0; p < code.parameters; p++) sum += parameter_size(p);
    return sum;
  }
};

// Code length, T, neurons, channels; code.
inline Neuron neuron_of(Arguments& args) {
  Neuron n = {};
  const long length = args.integer();
  n.steps = args.integer(1), n.size = args.integer(), n.channels = args.integer(1);
  n.block = neuron_block;
  const int32_t* code = args.ints(length);
  if (args.status != Status::ok) return n;
  CodeReader reader(code, length);
  n.code = reader.neuron();
  if (!reader.ok || n.size % n.channels != 0) args.fail(Status::wrong_arguments);
  if (!reader.ok) n.code = {};
  return n;
}

inline void read_parameters(Arguments& args, Neuron& n) {
  for (long p = 0; p < n.code.parameters; p++) n.parameters[p] = args.floats(n.parameter_size(p));
}

// Tensors of the state variables, or none.
struct State {
  float* of[most_state];
};
inline State state_of(Arguments& args, const Neuron& n) {
  State s = {};
  for (long i = 0; i < n.code.state; i++) s.of[i] = args.floats(n.size);
  return s;
}

// Hands out parts of a thread's memory.
class Memory {
 public:
  explicit Memory(float* from) : next_(from) {}
  float* take(long floats) {
    float* part = next_;
    next_ += floats;
    return part;
  }

 private:
  float* next_;
};

// Some neurons in a row, no more than a block.
struct Range {
  long from, neurons;
  Range(long start, const Neuron& n) : from(start), neurons(min(n.size - start, n.block)) {}
  // Neurons of whole passes. The values of those past the end are 0, or what follows from 0.
  long padded() const { return ceil_div(neurons, pass_floats) * pass_floats; }
  bool is_whole() const { return neurons == padded(); }
};

// Values of a range, padded.
inline void copy_range(const float* values, const Range& range, float* to) {
  memcpy(to, values, range.neurons * sizeof(float));
  memset(to + range.neurons, 0, (range.padded() - range.neurons) * sizeof(float));
}

// The values of the channels of n neurons.
inline void spread_channels(const float* values, long channels, long from, long n, float* to) {
  const long first = from % channels, start = min(channels - first, n);
  memcpy(to, values + first, start * sizeof(float));
  long done = start + min(first, n - start);
  memcpy(to + start, values, (done - start) * sizeof(float));
  // Whole periods from here on.
  for (long more; done < n; done += more) {
    more = min(done, n - done);
    memcpy(to + done, to, more * sizeof(float));
  }
}

// The same of a range, padded.
inline void spread_channels(const float* values, long channels, const Range& range, float* to) {
  spread_channels(values, channels, range.from, range.neurons, to);
  memset(to + range.neurons, 0, (range.padded() - range.neurons) * sizeof(float));
}

// Adds the numbers of n neurons to the sums of their channels, in order.
inline void add_to_channels(const float* of, long channels, long from, long n, double* to) {
  const long first = from % channels;
  if (channels % double_width == 0 && n % double_width == 0 && first % double_width == 0) {
    // Vectors of channels, whose sums stay in registers.
    for (long k = 0; k < min(channels, n); k += double_width) {
      double* sums = to + (first + k) % channels;
      Doubles sum;
      memcpy(&sum, sums, sizeof sum);
      for (long i = k; i < n; i += channels) sum += load_doubles(of + i);
      memcpy(sums, &sum, sizeof sum);
    }
    return;
  }
  for (long i = 0, c = first; i < n; c = 0) {
    const long count = min(channels - c, n - i);
    for (long k = 0; k < count; k++) to[c + k] += of[i + k];
    i += count;
  }
}

// The sum of n numbers, in an order that no instruction set changes.
inline double sum_of(const float* of, long n) {
  constexpr long lanes = 16;
  double sums[lanes] = {};
  long i = 0;
  for (; i + lanes <= n; i += lanes)
    for (long k = 0; k < lanes; k++) sums[k] += of[i + k];
  for (long k = 0; i + k < n; k++) sums[k] += of[i + k];
  double sum = 0;
  for (double lane : sums) sum += lane;
  return sum;
}

// The programs' scalars: parameters that are one number, constants, and what follows from them. All threads read them.
class Scalars {
 public:
  static long floats(const Neuron& n) {
    long registers = n.code.parameters;
    for (const Code& code : n.code.of) registers += code.scalars;
    return pass_floats * registers;
  }

  Scalars(const Neuron& n, float* memory) : n_(n) {
    Memory rest(memory);
    parameters_ = rest.take(pass_floats * n.code.parameters);
    for (long p = 0; p < n.code.parameters; p++)
      for (long i = 0; i < pass_floats; i++) parameters_[p * pass_floats + i] = *n.parameters[p];
    for (int k = 0; k < programs; k++) {
      const Code& code = n.code.of[k];
      of_[k] = rest.take(pass_floats * code.scalars);
      for (long i = 0; i < code.constants * pass_floats; i++) of_[k][i] = code.constant[i / pass_floats];
      Register r[most_registers];
      bind(static_cast<Programs>(k), r);
      run(code.once, code.by_block, r, pass_floats);
    }
  }

  void bind(Programs k, Register* r) const {
    const Code& code = n_.code.of[k];
    for (long p = 0; p < n_.code.parameters; p++) r[code.first_parameter + p] = {parameters_ + p * pass_floats, 0};
    for (long i = 0; i < code.scalars; i++) r[code.first_scalar() + i] = {of_[k] + i * pass_floats, 0};
  }

 private:
  const Neuron& n_;
  float *parameters_, *of_[programs];
};

// A block of the neurons, and the memory of the thread that computes it.
class Block {
 public:
  static long floats(const Neuron& n) {
    long blocks = 0;
    for (const Code& code : n.code.of) blocks = max(blocks, code.blocks);
    return block_stride * (n.code.parameters + blocks);
  }

  Block(const Neuron& n, const Scalars& scalars, long from, Memory memory)
      : n_(n), scalars_(scalars), range(from, n) {
    parameters_ = memory.take(block_stride * n.code.parameters);
    blocks_ = memory.take(0);
    for (long p = 0; p < n.code.parameters; p++)
      if (n.code.is_channel[p] != 0)
        spread_channels(n.parameters[p], n.channels, range, parameters_ + p * block_stride);
  }

  // The registers of a program whose inputs and outputs the caller adds. Programs take turns: each has all of the memory.
  void begin(Programs k, Register* r) const {
    const Code& code = n_.code.of[k];
    scalars_.bind(k, r);
    for (long p = 0; p < n_.code.parameters; p++)
      if (n_.code.is_channel[p] != 0) r[code.first_parameter + p] = block(parameters_ + p * block_stride);
    for (long i = 0; i < code.blocks; i++) r[code.first_block() + i] = block(blocks_ + i * block_stride);
    run(code.by_block, code.by_step, r, range.padded());
  }
  void step(Programs k, const Register* r, const NextRows& next = {}) const {
    const Code& code = n_.code.of[k];
    run(code.by_step, code.end, r, range.padded(), next);
  }

  static Register block(const float* values) { return {const_cast<float*>(values), pass_floats}; }

 private:
  const Neuron& n_;
  const Scalars& scalars_;
  float *parameters_, *blocks_;

 public:
  const Range range;
};

// The currents X[t] of a tensor. A task reads those of its block a step at a time.
struct Currents {
  const float* x;
  long size;

  static long floats() { return 0; }  // of a block's memory

  struct Block {
    const float* x;
    const long size;
    const Range range;
    // The currents of step t: where they are, or in `own`, padded.
    const float* row(long t, float* own) const {
      const float* values = x + t * size;
      if (range.is_whole()) return values;
      copy_range(values, range, own);
      return own;
    }
    // The same once more, where row() has left them.
    const float* row_again(long t, const float* own) const { return range.is_whole() ? x + t * size : own; }
    // The row of step t, or behind the last step one of the next block.
    const float* next(long t, long steps) const {
      return address(t < steps ? t * size : min(t - steps, steps - 1) * size + neuron_block);
    }
    const float* address(long i) const { return x + i; }
  };
  Block block(const Range& range, Memory&) const { return {x + range.from, size, range}; }
};

// The gradient of the currents, which a task writes a step at a time.
struct CurrentGradient {
  float* dx;
  long size;

  static long sums() { return 0; }  // numbers that each chunk sums
  static long floats() { return 0; }
  struct Block {
    float* dx;
    const long size;
    const Range range;
    // Where the gradient of step t is computed: where it belongs, or in `own`, padded.
    float* row(long t, float* own) const { return range.is_whole() ? dx + t * size : own; }
    // Takes what was computed there.
    void add(const float* d, long t) const {
      if (d != dx + t * size) memcpy(dx + t * size, d, range.neurons * sizeof(float));
    }
    // The row of step t.
    const float* next(long t) const { return dx + t * size; }
    void finish(double*) const {}
  };
  template <class Currents>
  Block block(const Range& range, Memory&, const Currents&) const {
    return {dx + range.from, size, range};
  }
};

// The output of spikes: floats, bits or counts, with their number. Tasks begin at whole words of bits: the size of a task
// is a multiple of a word, and so is that of a step unless there is only one.
struct SpikeOutput {
  float* floats;
  uint32_t* bits;
  uint8_t* counts;
  long events;

  bool packed() const { return floats == nullptr; }
};

inline SpikeOutput spike_output(Arguments& args, const Neuron& n) {
  switch (args.next_type()) {
    case Type::float32: return {args.floats(n.values()), nullptr, nullptr, 0};
    case Type::uint8: return {nullptr, nullptr, args.bytes(n.values()), 0};
    default: break;
  }
  if (n.steps > 1 && n.size % word_bits != 0) args.fail(Status::wrong_type);
  return {nullptr, args.bits(n.values()), nullptr, 0};
}

// The 32 spikes from here on as a word of bits.
inline uint32_t word_of(const float* spikes) {
  uint32_t word = 0;
  for (long i = 0; i < word_bits; i += width) word |= signs(is_true(load(spikes + i))) << i;
  return word;
}

// Stores spikes as bits, and returns how many there are.
inline long store_bits(const float* spikes, long n, uint32_t* to) {
  long events = 0, first = 0;
  for (; first + word_bits <= n; first += word_bits) {
    const uint32_t word = word_of(spikes + first);
    to[first / word_bits] = word;
    events += __builtin_popcount(word);
  }
  if (first == n) return events;
  // Neurons past the end may have fired too.
  const uint32_t word = word_of(spikes + first) & first_bits(n - first);
  to[first / word_bits] = word;
  return events + __builtin_popcount(word);
}

// Stores spikes as counts; whether all are integers from 0 to 255.
inline bool store_counts(const float* spikes, long n, uint8_t* to) {
  int32_t wrong = 0;
  for (long i = 0; i < n; i++) {
    const float v = spikes[i] >= 0 && spikes[i] <= 255 ? spikes[i] : 0;
    to[i] = static_cast<uint8_t>(v);
    wrong |= static_cast<float>(static_cast<int32_t>(v)) != spikes[i];
  }
  return wrong == 0;
}

inline long events_of(const uint8_t* counts, long n) {
  long events = 0;
  for (long i = 0; i < n; i += 8) events += __builtin_popcountll(eight_counts({nullptr, counts}, i, min(8, n - i)));
  return events;
}

// The state variables of a block before the first step, at(i) for the i-th: those of `before`, or at rest.
template <class At>
inline void start_state(const Neuron& n, const Block& block, const State* before, const At& at) {
  for (long i = 0; before != nullptr && i < n.code.state; i++)
    copy_range(before->of[i] + block.range.from, block.range, at(i));
  if (before != nullptr) return;
  Register r[most_registers];
  for (long i = 0; i < n.code.state; i++) r[n.code.of[initial].inputs + i] = Block::block(at(i));
  block.begin(initial, r);
  block.step(initial, r);
}

// `before` may be null for a sequence that starts at rest, `after` where the last state is not needed.
template <class Input>
Status neuron_forward(const Neuron& n, const Scalars& scalars, const Input& input, const State* before,
                      SpikeOutput& spikes, const State* after) {
  const long state = n.code.state, state_floats = state * block_stride;
  const Code& code = n.code.of[forward];
  Outcome outcome;
  const auto forward_block = [&](const Range& range, Memory memory) {
    float *v = memory.take(state_floats), *next = memory.take(state_floats);
    float *current = memory.take(block_stride), *fired = memory.take(block_stride);
    const auto currents = input.block(range, memory);
    const Block block(n, scalars, range.from, memory);
    start_state(n, block, before, [&](long i) { return v + i * block_stride; });
    Register r[most_registers];
    block.begin(forward, r);
    long events = 0;
    for (long t = 0; t < n.steps; t++) {
      const long at = t * n.size + range.from;
      NextRows rows{n.block};
      rows.add(currents.next(t + steps_ahead, n.steps));
      float* to = spikes.floats != nullptr && range.is_whole() ? spikes.floats + at : fired;
      r[state] = Block::block(currents.row(t, current));
      r[code.inputs] = Block::block(to);
      for (long i = 0; i < state; i++) {
        r[i] = Block::block(v + i * block_stride);
        r[code.inputs + 1 + i] = Block::block(next + i * block_stride);
      }
      block.step(forward, r, rows);
      if (spikes.bits != nullptr) {
        events += store_bits(fired, range.neurons, spikes.bits + at / word_bits);
      } else if (spikes.counts != nullptr) {
        if (!store_counts(fired, range.neurons, spikes.counts + at)) outcome.check(false);
        events += events_of(spikes.counts + at, range.neurons);
      } else if (to == fired) {
        memcpy(spikes.floats + at, fired, range.neurons * sizeof(float));
      }
      float* last = v;
      v = next, next = last;
    }
    for (long i = 0; after != nullptr && i < state; i++)
      memcpy(after->of[i] + range.from, v + i * block_stride, range.neurons * sizeof(float));
    if (spikes.packed()) __atomic_fetch_add(&spikes.events, events, __ATOMIC_RELAXED);
  };
  const long floats = Block::floats(n) + input.floats() + 2 * state_floats + 2 * block_stride;
  // A block prefetches what the next one reads.
  const long chunk = min(4, max(1, n.size / (n.block * neuron_tasks))) * n.block;
  parallel(ceil_div(n.size, chunk), [&](long task) {
    float* memory = scratch(1, floats);
    if (memory == nullptr) return outcome.lacks_memory();
    for (long from = task * chunk; from < min(n.size, (task + 1) * chunk); from += n.block)
      forward_block(Range(from, n), Memory(memory));
  });
  return outcome.status();
}

// code; x [T][size], state [size] each, parameters -> spikes [T][size], state; when the spikes are packed, also their events
SEW_KERNEL(multiStepNeuron) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  const float* x = args.floats(n.values());
  const State before = state_of(args, n);
  read_parameters(args, n);
  SpikeOutput spikes = spike_output(args, n);
  const State after = state_of(args, n);
  int32_t* events = spikes.packed() ? args.ints(count_words) : nullptr;
  if (args.status != Status::ok) return args.status;
  float* shared = scratch(0, Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Scalars scalars(n, shared);
  const Status status = neuron_forward(n, scalars, Currents{x, n.size}, &before, spikes, &after);
  if (events != nullptr) store_count(events, spikes.events);
  return status;
}

// Gradients of the parameters, or none.
struct ParameterGradients {
  float* of[most_parameters];
};
inline ParameterGradients parameter_gradients(Arguments& args, const Neuron& n) {
  ParameterGradients g = {};
  for (long p = 0; p < n.code.parameters; p++) g.of[p] = args.floats(n.parameter_size(p));
  return g;
}

// What the backward pass sums over the neurons, in double precision: the output's own sums, then the parameters'.
struct Sums {
  long chunks, each;
  double* of;  // [chunks][each]
  static long chunks_of(const Neuron& n) { return max(1, ceil_div(n.size, neuron_chunk(n.size))); }
  static long floats(const Neuron& n, long own) {
    return doubles(product(chunks_of(n), own + n.parameter_floats()));
  }
  Sums(const Neuron& n, long own, float* memory)
      : chunks(chunks_of(n)), each(own + n.parameter_floats()), of(reinterpret_cast<double*>(memory)) {}

  // Adds the sums of all chunks to the first's.
  void join() const {
    constexpr long share = 256;
    parallel(ceil_div(each, share), [&](long task) {
      for (long i = 1; i < chunks; i++)
        for (long k = task * share; k < min(each, (task + 1) * share); k++) of[k] += of[i * each + k];
    });
  }
};

// Repeats the forward pass, saving what the gradients follow from, then runs `backward` from the last step to the first.
//
// Chunks of blocks are divided among threads. Their number depends on the size alone. `before`, `dafter` and `dbefore` may
// be null, for a sequence that starts at rest and whose last state is not used. The gradient of the currents may be written
// over dspikes.
template <class Input, class Output>
Status neuron_backward(const Neuron& n, const Scalars& scalars, const Input& input, const State* before,
                       const float* dspikes, const State* dafter, const Output& output, const State* dbefore,
                       const Sums& sums) {
  const long state = n.code.state, state_floats = state * block_stride, parameters = n.code.parameters;
  const long saved = n.code.saved, saved_floats = saved * block_stride;
  const Code &step = n.code.of[record], &back = n.code.of[backward], &start = n.code.of[initial_backward];
  // The steps that are repeated.
  const long repeated = n.code.recorded > 0 ? n.steps : state > 0 ? n.steps - 1 : 0;
  const auto is_current = [&](long k) { return n.code.saved_of[k] == state; };
  const auto is_recorded = [&](long k) { return n.code.saved_of[k] > state; };
  // Of each state variable the number among what is saved, or -1; and that of the current.
  long saved_state[most_state], saved_current = -1;
  for (long i = 0; i < state; i++) saved_state[i] = -1;
  for (long k = 0; k < saved; k++)
    if (is_current(k)) saved_current = k;
    else if (!is_recorded(k)) saved_state[n.code.saved_of[k]] = k;
  Outcome outcome;
  const auto backward_block = [&](const Range& range, Memory memory, double* mine) {
    float* rows = memory.take(product(n.steps + 1, saved_floats));
    float *dv = memory.take(state_floats), *dnext = memory.take(state_floats);
    float *fired = memory.take(block_stride), *gradient = memory.take(block_stride);
    float* totals = memory.take(parameters * block_stride);
    const auto currents = input.block(range, memory);
    auto gradients = output.block(range, memory, currents);
    const Block block(n, scalars, range.from, memory);
    const auto saved_row = [&](long t, long k) { return rows + (t * saved + k) * block_stride; };
    const auto own_row = [&](long t) { return saved_current < 0 ? fired : saved_row(t, saved_current); };
    // State variables before a step. Those that are not saved are in turns where their gradients will be.
    const auto state_before = [&](long t, long i) {
      return saved_state[i] >= 0 ? saved_row(t, saved_state[i]) : (t % 2 == 0 ? dv : dnext) + i * block_stride;
    };
    Register r[most_registers];
    start_state(n, block, before, [&](long i) { return state_before(0, i); });
    block.begin(record, r);
    for (long t = 0; t < repeated; t++) {
      NextRows next{n.block};
      // The steps from the last to the first follow.
      const long later = t + steps_ahead;
      next.add(later < n.steps ? currents.next(later, n.steps)
                               : dspikes + max(0, 2 * n.steps - 1 - later) * n.size + range.from);
      r[state] = Block::block(currents.row(t, own_row(t)));
      long output = step.inputs;
      for (long k = 0; k < saved; k++)
        if (is_recorded(k)) r[output++] = Block::block(saved_row(t, k));
      for (long i = 0; i < state; i++) {
        r[i] = Block::block(state_before(t, i));
        r[output + i] = Block::block(state_before(t + 1, i));
      }
      block.step(record, r, next);
    }
    for (long i = 0; i < state; i++) {
      if (dafter != nullptr) copy_range(dafter->of[i] + range.from, range, dv + i * block_stride);
      else memset(dv + i * block_stride, 0, neuron_block * sizeof(float));
    }
    memset(totals, 0, parameters * block_stride * sizeof(float));
    block.begin(backward, r);
    const long of_spikes = saved + parameters;
    for (long p = 0; p < parameters; p++) r[back.inputs + 1 + state + p] = Block::block(totals + p * block_stride);
    for (long t = n.steps - 1; t >= 0; t--) {
      const long at = t * n.size + range.from;
      float* to = gradients.row(t, gradient);
      NextRows next{n.block};
      if (t >= steps_ahead) {
        next.add(dspikes + at - steps_ahead * n.size);
        if (gradients.next(t - steps_ahead) != next.of[0]) next.add(gradients.next(t - steps_ahead));
      } else {
        next.add(currents.next(n.steps + steps_ahead - 1 - t, n.steps));
      }
      const float* ds = dspikes + at;
      if (!range.is_whole()) copy_range(ds, range, fired), ds = fired;
      for (long k = 0; k < saved; k++) r[k] = Block::block(saved_row(t, k));
      if (saved_current >= 0)
        r[saved_current] = Block::block(t < repeated ? currents.row_again(t, own_row(t)) : currents.row(t, own_row(t)));
      r[of_spikes] = Block::block(ds);
      r[back.inputs] = Block::block(to);
      for (long i = 0; i < state; i++) {
        r[of_spikes + 1 + i] = Block::block(dv + i * block_stride);
        r[back.inputs + 1 + i] = Block::block(dnext + i * block_stride);
      }
      block.step(backward, r, next);
      gradients.add(to, t);
      float* last = dv;
      dv = dnext, dnext = last;
    }
    for (long i = 0; dbefore != nullptr && i < state; i++)
      memcpy(dbefore->of[i] + range.from, dv + i * block_stride, range.neurons * sizeof(float));
    if (before == nullptr && parameters > 0) {
      for (long i = 0; i < state; i++) r[parameters + i] = Block::block(dv + i * block_stride);
      for (long p = 0; p < parameters; p++) r[start.inputs + p] = Block::block(totals + p * block_stride);
      block.begin(initial_backward, r);
      block.step(initial_backward, r);
    }
    gradients.finish(mine);
    mine += output.sums();
    for (long p = 0; p < parameters; mine += n.parameter_size(p++)) {
      if (n.code.is_channel[p] != 0) add_to_channels(totals + p * block_stride, n.channels, range.from, range.neurons, mine);
      else *mine += sum_of(totals + p * block_stride, range.neurons);
    }
  };
  const long floats = product(n.steps + 1, saved_floats) + 2 * state_floats + (2 + parameters) * block_stride +
                      input.floats() + output.floats() + Block::floats(n);
  const long chunk = neuron_chunk(n.size);
  parallel(sums.chunks, [&](long task) {
    double* mine = sums.of + task * sums.each;
    memset(mine, 0, sums.each * sizeof(double));
    if (n.size == 0) return;
    float* memory = scratch(1, floats);
    if (memory == nullptr) return outcome.lacks_memory();
    for (long from = task * chunk; from < min(n.size, (task + 1) * chunk); from += n.block)
      backward_block(Range(from, n), Memory(memory), mine);
  });
  return outcome.status();
}

// The gradients of the parameters from their sums, which begin at `sums`.
inline void store_gradients(const Neuron& n, const double* sums, const ParameterGradients& to) {
  for (long p = 0; p < n.code.parameters; p++)
    for (long c = 0; c < n.parameter_size(p); c++) to.of[p][c] = static_cast<float>(*sums++);
}

// code; x, state, parameters, dspikes [T][size], dstate [size] each -> dx [T][size], dstate, dparameters
SEW_KERNEL(multiStepNeuronGrad) {
  Arguments args(call);
  Neuron n = neuron_of(args);
  const float* x = args.floats(n.values());
  const State before = state_of(args, n);
  read_parameters(args, n);
  const float* dspikes = args.floats(n.values());
  const State dafter = state_of(args, n);
  float* dx = args.floats(n.values());
  const State dbefore = state_of(args, n);
  const ParameterGradients dparameters = parameter_gradients(args, n);
  if (args.status != Status::ok) return args.status;
  float* shared = scratch(0, Sums::floats(n, 0) + Scalars::floats(n));
  if (shared == nullptr) return Status::out_of_memory;
  const Sums sums(n, 0, shared);
  const Scalars scalars(n, shared + Sums::floats(n, 0));
  const Status status = neuron_backward(n, scalars, Currents{x, n.size}, &before, dspikes, &dafter,
                                        CurrentGradient{dx, n.size}, &dbefore, sums);
  if (status != Status::ok) return status;
  sums.join();
  store_gradients(n, sums.of, dparameters);
  return Status::ok;
}
