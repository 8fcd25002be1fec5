// A neuron's step as code, and the interpreter that runs it over blocks of neurons, one instruction at a time.
//
// src/lowering.ts writes the code and describes it. All that is read of it is checked, so that damaged code is refused.
#pragma once
#include "arguments.h"
#include "functions.h"

constexpr long neuron_block = 1024;      // neurons of a block
// From one block in memory to the next. A load waits for a store before it that is a multiple of 4096 bytes away.
constexpr long block_stride = neuron_block + 80;
constexpr long pass_floats = 4 * width;  // floats that a pass takes at a time
constexpr long most_registers = 512;     // of a program
constexpr long most_instructions = 1 << 20;
constexpr long most_state = 8, most_parameters = 16;
static_assert(neuron_block % pass_floats == 0 && neuron_block % word_bits == 0, "blocks are whole passes and words");

// Operations, in the order of src/lowering.ts: how many operands each has, how many vectors of it fit in the registers at a
// time, and its value.
#define SEW_OPERATIONS(X)                                \
  X(copy, 1, 4, a)                                       \
  X(neg, 1, 4, -a)                                       \
  X(abs, 1, 4, abs_of(a))                                \
  X(sqrt, 1, 4, sqrt_of(a))                              \
  X(exp, 1, 2, exp_of(a))                                \
  X(log, 1, 2, log_of(a))                                \
  X(sigmoid, 1, 2, sigmoid_of(a))                        \
  X(tanh, 1, 1, tanh_of(a))                              \
  X(sin, 1, 1, sin_of(a))                                \
  X(cos, 1, 1, cos_of(a))                                \
  X(atan, 1, 1, atan_of(a))                              \
  X(erf, 1, 1, erf_of(a))                                \
  X(floor, 1, 2, floor_of(a))                            \
  X(round, 1, 2, round_of(a))                            \
  X(is_zero, 1, 4, truth(a == 0.0f))                     \
  X(add, 2, 4, a + b)                                    \
  X(sub, 2, 4, a - b)                                    \
  X(sub_from, 2, 4, b - a)                               \
  X(mul, 2, 4, a * b)                                    \
  X(div, 2, 4, a / b)                                    \
  X(div_from, 2, 4, b / a)                               \
  X(min, 2, 4, min_of(a, b))                             \
  X(max, 2, 4, max_of(a, b))                             \
  X(pow, 2, 1, pow_of(a, b))                             \
  X(less, 2, 4, truth(a < b))                            \
  X(less_equal, 2, 4, truth(a <= b))                     \
  X(at_least, 2, 4, truth(b <= a))                       \
  X(equal, 2, 4, truth(a == b))                          \
  X(both, 2, 4, truth(is_true(a) & is_true(b)))          \
  X(either, 2, 4, truth(is_true(a) | is_true(b)))        \
  X(select, 3, 4, choose(is_true(a), b, c))

// Two operations in one pass: each of the first with each of the second.
#define SEW_FIRSTS(X) X(add) X(sub) X(sub_from) X(mul) X(abs) X(less_equal) X(at_least)
#define SEW_SECONDS(X, first) \
  X(first, add) X(first, sub) X(first, sub_from) X(first, mul) X(first, div) X(first, div_from) X(first, at_least) X(first, square)

// More than two: those of leaky charges, of hard resets and of the arctangent's slope.
#define SEW_CHAINS(X)                                   \
  X(sub_mul_add, 4, 4, (a - b) * c + d)                  \
  X(sub_mul_add_sub, 5, 4, (a - b) * c + d - e)          \
  X(at_least_sub_from_mul, 4, 4, (c - truth(b <= a)) * d) \
  X(mul_square_add, 3, 4, squared(a * b) + c)             \
  X(mul_square_add_div_from, 4, 4, d / (squared(a * b) + c)) \
  X(mul_mul_add, 4, 4, a * b * c + d)                     \
  X(sub_from_mul_add, 4, 4, (b - a) * c + d)              \
  X(mul_add_sub, 4, 4, a * b + c - d)                     \
  X(sub_div_add, 4, 4, (a - b) / c + d)                   \
  X(sub_div_add_sub, 5, 4, (a - b) / c + d - e)

// The same, compiled for one pattern of scalar operands, which the bits of the last number are: that of numbers as thresholds and
// slopes. What a neuron without a threshold of its own keeps, and the gradient through its spikes; and what these begin with.
#define SEW_LONG_CHAINS(X)                                                                      \
  X(sub_at_least_sub_from, 4, 4, d - truth(c <= a - b), 7)                                       \
  X(sub_at_least_sub_from_mul, 5, 4, (d - truth(c <= a - b)) * e, 7)                             \
  X(sub_at_least_sub_from_mul_add, 6, 4, (d - truth(c <= a - b)) * e + f, 23)                    \
  X(sub_mul_square, 3, 4, squared((a - b) * c), 3)                                               \
  X(sub_mul_square_add, 4, 4, squared((a - b) * c) + d, 7)                                       \
  X(sub_mul_square_add_div_from, 5, 4, e / (squared((a - b) * c) + d), 15)                       \
  X(sub_mul_square_add_div_from_mul, 6, 4, e / (squared((a - b) * c) + d) * f, 15)               \
  X(sub_mul_square_add_div_from_mul_add, 7, 4, e / (squared((a - b) * c) + d) * f + g, 15)

constexpr int most_operands = 7;

// r[to] = op(r[of[0]], ...). Bit k - 1 of `scalars` says whether operand k is a scalar.
struct Instruction {
  int32_t op, scalars, to, of[most_operands];
};

// A register's memory, and the floats from what one round of a pass takes to the next: 0 for scalars, which have copies for
// one round.
struct Register {
  float* at;
  long step;
};

// Operations, of which every one has seven arguments, and which operands must be scalars, or any_scalars.
constexpr int any_scalars = -1;
#define SEW_PATTERN(name, operands_, together_, value, scalars_)                               \
  struct name##_op {                                                                           \
    static constexpr int operands = operands_, together = together_, scalars = scalars_;       \
    static Vector of(Vector a, Vector b, Vector c, Vector d, Vector e, Vector f, Vector g) {   \
      (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g;                           \
      return value;                                                                            \
    }                                                                                          \
  };
#define SEW_OPERATION(name, operands, together, value) SEW_PATTERN(name, operands, together, value, any_scalars)
SEW_OPERATIONS(SEW_OPERATION)
SEW_OPERATION(square, 1, 4, a * a)
SEW_CHAINS(SEW_OPERATION)
SEW_LONG_CHAINS(SEW_PATTERN)

// second(first(a, b), c), or where the first has one operand, second(first(a), b)
template <class First, class Second>
struct pair_op {
  static constexpr int operands = First::operands + Second::operands - 1, together = 4, scalars = any_scalars;
  static Vector of(Vector a, Vector b, Vector c, Vector d, Vector e, Vector f, Vector g) {
    const Vector v = First::of(a, b, c, d, e, f, g);
    return First::operands == 1 ? Second::of(v, b, c, d, e, f, g) : Second::of(v, c, c, d, e, f, g);
  }
};

// One operation over n floats, pass_floats at a time. A register may be an operand and the result.
template <class Operation, int Scalars>
void pass(const Instruction& i, const Register* r, long n) {
  const float* of[most_operands];
  Vector scalar[most_operands];
  for (int k = 0; k < most_operands; k++) {
    of[k] = r[i.of[k < Operation::operands ? k : 0]].at;
    scalar[k] = load(of[k]);
  }
  const long step = r[i.of[0]].step;
  float* to = r[i.to].at;
  constexpr int together = Operation::together;
  for (long round = 0; round < n; round += pass_floats, of[0] += step) {
    for (long from = 0; from < pass_floats; from += together * width) {
      Vector results[together];
      for (int j = 0; j < together; j++) {
        const long at = from + j * width;
        const auto operand = [&](int k) {
          return k >= Operation::operands || (Scalars >> (k - 1) & 1) != 0 ? scalar[k] : load(of[k] + round + at);
        };
        results[j] = Operation::of(load(of[0] + at), operand(1), operand(2), operand(3), operand(4), operand(5), operand(6));
      }
      for (int j = 0; j < together; j++) store(to + round + from + j * width, results[j]);
    }
  }
}

typedef void (*Pass)(const Instruction&, const Register*, long);

// The passes of an operation, by which operands are scalars; null where there is none.
template <class Op>
struct Passes {
  Pass of[1 << (Op::operands - 1)] = {};
  constexpr Passes() { add<0>(); }

 private:
  template <int Scalars>
  constexpr void add() {
    if constexpr (Op::scalars == any_scalars || Op::scalars == Scalars) of[Scalars] = pass<Op, Scalars>;
    if constexpr (Scalars + 1 < 1 << (Op::operands - 1)) add<Scalars + 1>();
  }
};
template <class Op>
constexpr Passes<Op> passes_of;

struct Operation {
  int operands;
  const Pass* passes;
};
template <class Op>
constexpr Operation operation_of() { return {Op::operands, passes_of<Op>.of}; }

constexpr Operation operation_table[] = {
#define SEW_ENTRY(name, operands, together, value) operation_of<name##_op>(),
#define SEW_LONG_ENTRY(name, operands, together, value, scalars) operation_of<name##_op>(),
#define SEW_PAIR(first, second) operation_of<pair_op<first##_op, second##_op>>(),
#define SEW_PAIRS_OF(first) SEW_SECONDS(SEW_PAIR, first)
    SEW_OPERATIONS(SEW_ENTRY) SEW_FIRSTS(SEW_PAIRS_OF) SEW_CHAINS(SEW_ENTRY) SEW_LONG_CHAINS(SEW_LONG_ENTRY)
};
constexpr int32_t operations = sizeof operation_table / sizeof *operation_table;

// Runs instructions over n floats, whole rounds.
inline void run(const Instruction* from, const Instruction* to, const Register* r, long n) {
  for (; from < to; from++) operation_table[from->op].passes[from->scalars](*from, r, n);
}

// Rows of a block that a later step reads or writes: a row is too short for the hardware prefetcher, and a step for memory.
constexpr long steps_ahead = 2;
struct NextRows {
  static constexpr int most = 2;
  long floats = neuron_block;
  const float* of[most] = {};
  int count = 0;
  void add(const float* row) { of[count++] = row; }
};

// The same, and loads rows into the cache meanwhile, some after each instruction.
inline void run(const Instruction* from, const Instruction* to, const Register* r, long n, const NextRows& next) {
  constexpr long line = 16;
  const long share = ceil_div(next.floats, line * max(1, to - from)) * line;
  for (long at = 0; from < to; from++, at += share) {
    for (int k = 0; k < next.count; k++)
      for (long i = at; i < min(at + share, next.floats); i += line) __builtin_prefetch(next.of[k] + i);
    operation_table[from->op].passes[from->scalars](*from, r, n);
  }
}

// A program: what is computed once a call, once a block, and at every step. Its registers are its inputs, its outputs,
// scalars that keep their values during a call, and blocks of values for each neuron.
struct Code {
  long inputs, outputs, scalars, blocks, constants;
  const float* constant;  // the values of the first scalars
  const Instruction *once, *by_block, *by_step, *end;
  long first_parameter;  // among the inputs

  long registers() const { return inputs + outputs + scalars + blocks; }
  long first_scalar() const { return inputs + outputs; }
  long first_block() const { return inputs + outputs + scalars; }
};

// The programs of a neuron, in the order of its code.
enum Programs { initial, forward, record, backward, initial_backward, programs };

struct NeuronCode {
  long state, parameters;
  const int32_t* is_channel;  // of each parameter: whether it has a value for each channel
  // What the backward pass saves of each step: state variables before it, the current (state), or what `record` computes
  // (state + 1).
  long saved;
  const int32_t* saved_of;
  long recorded;  // how many of them are computed
  Code of[programs];
};

// Reads code of a known length, and fails where it is not what src/lowering.ts writes.
class CodeReader {
 public:
  CodeReader(const int32_t* from, long length) : at_(from), end_(from + length) {}
  bool ok = true;

  NeuronCode neuron() {
    NeuronCode n = {};
    n.state = next(most_state), n.parameters = next(most_parameters);
    n.is_channel = at_;
    for (long p = 0; p < n.parameters; p++) next(1);
    const long step = n.state + 1, all = n.parameters;
    n.saved = next(step), n.saved_of = at_;
    for (long k = 0; k < n.saved; k++) n.recorded += next(step) == step;
    n.of[initial] = program(n, 0, all, n.state);
    n.of[forward] = program(n, step, step + all, step);
    n.of[record] = program(n, step, step + all, n.recorded + n.state);
    n.of[backward] = program(n, n.saved, n.saved + step + all, step + all);
    n.of[initial_backward] = program(n, 0, all + n.state, all);
    if (at_ != end_) ok = false;
    return n;
  }

 private:
  // An integer in [0, most].
  long next(long most) {
    const bool has = ok && at_ < end_ && *at_ >= 0 && *at_ <= most;
    if (!has) return ok = false, 0;
    return *at_++;
  }

  // A list of words.
  const int32_t* list(long count) {
    if (!ok || count > end_ - at_) return ok = false, at_;
    at_ += count;
    return at_ - count;
  }

  const Instruction* section(const NeuronCode& n, const Code& code, int rate, long count) {
    const Instruction* from = reinterpret_cast<const Instruction*>(list(count * instruction_words));
    for (long i = 0; i < count && ok; i++) ok = is_valid(n, code, rate, from[i]);
    return from;
  }

  Code program(const NeuronCode& n, long first_parameter, long inputs, long outputs) {
    Code code = {};
    code.first_parameter = first_parameter, code.inputs = inputs, code.outputs = outputs;
    code.scalars = next(most_registers), code.blocks = next(most_registers);
    code.constants = next(code.scalars);
    if (code.registers() > most_registers) ok = false;
    long counts[3];
    for (long& count : counts) count = next(most_instructions);
    code.constant = reinterpret_cast<const float*>(list(code.constants));
    code.once = section(n, code, 0, counts[0]);
    code.by_block = section(n, code, 1, counts[1]);
    code.by_step = section(n, code, 2, counts[2]);
    code.end = reinterpret_cast<const Instruction*>(at_);
    return code;
  }

  // Whether an instruction of a rate (0 once, 1 by block, 2 by step) may read the register.
  static bool may_read(const NeuronCode& n, const Code& code, int rate, int32_t r) {
    if (r < 0 || r >= code.registers()) return false;
    if (r >= code.first_block()) return rate >= 1;
    if (r >= code.first_scalar()) return true;
    const long p = r - code.first_parameter;
    if (r >= code.inputs || p < 0 || p >= n.parameters) return rate == 2;
    return n.is_channel[p] == 0 || rate >= 1;
  }

  static bool may_write(const Code& code, int rate, int32_t r) {
    if (rate == 0) return r >= code.first_scalar() && r < code.first_block();
    if (rate == 2 && r >= code.inputs && r < code.first_scalar()) return true;
    return r >= code.first_block() && r < code.registers();
  }

  // Whether all values of a register are one.
  static bool is_scalar(const NeuronCode& n, const Code& code, int32_t r) {
    const long p = r - code.first_parameter;
    if (r < code.inputs) return p >= 0 && p < n.parameters && n.is_channel[p] == 0;
    return r >= code.first_scalar() && r < code.first_block();
  }

  static bool is_valid(const NeuronCode& n, const Code& code, int rate, const Instruction& i) {
    if (i.op < 0 || i.op >= operations || !may_write(code, rate, i.to)) return false;
    int32_t scalars = 0;
    for (int k = 0; k < operation_table[i.op].operands; k++) {
      if (!may_read(n, code, rate, i.of[k])) return false;
      if (k > 0) scalars |= static_cast<int32_t>(is_scalar(n, code, i.of[k])) << (k - 1);
    }
    return i.scalars == scalars && operation_table[i.op].passes[scalars] != nullptr;
  }

  static constexpr long instruction_words = sizeof(Instruction) / sizeof(int32_t);
  const int32_t *at_, *end_;
};
