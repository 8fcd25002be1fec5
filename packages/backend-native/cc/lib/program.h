// A neuron's step as code, and the interpreter that runs it over blocks of neurons, one instruction at a time.
//
// src/lowering.ts writes the code, and describes it. What is read of it here is checked, so that damaged code is refused.
#pragma once
#include "arguments.h"
#include "functions.h"

constexpr long neuron_block = 512;           // neurons of a block: its registers fit in the L1 cache
constexpr long pass_floats = 4 * width;      // floats that a pass takes at a time
constexpr long most_registers = 512;         // of a program
constexpr long most_state = 8, most_parameters = 16;
static_assert(neuron_block % pass_floats == 0 && neuron_block % word_bits == 0, "blocks are whole passes and words");

// In the order of src/lowering.ts.
enum class Op : int32_t {
  constant, copy,
  neg, abs, sqrt, exp, log, sigmoid, tanh, sin, cos, atan, erf, floor, round, is_zero,
  add, sub, mul, div, min, max, pow, less, less_equal, equal, both, either,
  select,
  pair  // and all after it: an operation whose result is an operand of another
};
enum class First : int32_t { add, sub, mul, div, abs, less_equal };
enum class Second : int32_t { add, sub, sub_from, mul, div, div_from, square, at_least };
constexpr int32_t seconds = static_cast<int32_t>(Second::at_least) + 1;
constexpr int32_t ops = static_cast<int32_t>(Op::pair) + (static_cast<int32_t>(First::less_equal) + 1) * seconds;

// r[to] = op(r[a], r[b], r[c]); a constant has its bits in a.
struct Instruction {
  int32_t op, to, a, b, c;
};

// A program: what is computed once a call, once a block, and at every step. Its registers are its inputs, its outputs,
// scalars that keep their values during a call, and blocks of values for each neuron.
struct Code {
  long inputs, outputs, scalars, blocks;
  const Instruction *once, *by_block, *by_step, *end;
  long first_parameter;  // among the inputs

  long registers() const { return inputs + outputs + scalars + blocks; }
  long first_scalar() const { return inputs + outputs; }
  long first_block() const { return inputs + outputs + scalars; }
};

// The programs of a neuron, in the order of its code.
enum Programs { initial, forward, backward, initial_backward, programs };

struct NeuronCode {
  long state, parameters;
  const int32_t* is_channel;  // of each parameter: whether it has a value for each channel
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
    n.of[initial] = program(n, 0, all, n.state);
    n.of[forward] = program(n, step, step + all, step);
    n.of[backward] = program(n, step, 2 * step + all, step + all);
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

  const Instruction* section(const NeuronCode& n, const Code& code, int rate, long count) {
    const Instruction* from = reinterpret_cast<const Instruction*>(at_);
    constexpr long words = sizeof(Instruction) / sizeof(int32_t);
    if (!ok || count > (end_ - at_) / words) return ok = false, from;
    for (long i = 0; i < count && ok; i++) ok = is_valid(n, code, rate, from[i]);
    at_ += count * words;
    return from;
  }

  Code program(const NeuronCode& n, long first_parameter, long inputs, long outputs) {
    Code code = {};
    code.first_parameter = first_parameter, code.inputs = inputs, code.outputs = outputs;
    code.scalars = next(most_registers), code.blocks = next(most_registers);
    if (code.registers() > most_registers) ok = false;
    long counts[3];
    for (long& count : counts) count = next(INT32_MAX);
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

  static bool is_valid(const NeuronCode& n, const Code& code, int rate, const Instruction& i) {
    if (i.op < 0 || i.op >= ops || !may_write(code, rate, i.to)) return false;
    if (i.op == static_cast<int32_t>(Op::constant)) return rate == 0;
    const auto reads = [&](int32_t r) { return may_read(n, code, rate, r); };
    return reads(i.a) && reads(i.b) && reads(i.c);
  }

  const int32_t *at_, *end_;
};

// A register's memory, and the floats from one vector of it to the next: 0 for scalars, whose vectors are all alike.
struct Register {
  float* at;
  long step;
};

// One operation over n floats. A register may be an operand and the result.
template <int Together, class F>
inline void pass(const Instruction& i, const Register* r, long n, const F& f) {
  const float *a = r[i.a].at, *b = r[i.b].at, *c = r[i.c].at;
  const long as = r[i.a].step, bs = r[i.b].step, cs = r[i.c].step;
  float* to = r[i.to].at;
  for (long from = 0; from < n; from += Together * width) {
    Vector results[Together];
    for (int k = 0; k < Together; k++) results[k] = f(load(a + k * as), load(b + k * bs), load(c + k * cs));
    for (int k = 0; k < Together; k++) store(to + from + k * width, results[k]);
    a += Together * as, b += Together * bs, c += Together * cs;
  }
}

// A function of one value: the longer it is, the fewer vectors have registers at a time.
template <int Together, Vector (*F)(Vector)>
inline void map_pass(const Instruction& i, const Register* r, long n) {
  pass<Together>(i, r, n, [](Vector a, Vector, Vector) { return F(a); });
}

// g(f(a, b), c) for operations f and g of a pair.
template <class F, class Run>
inline void with_second(Second second, const F& f, const Run& run) {
  switch (second) {
    case Second::add: return run([=](Vector a, Vector b, Vector c) { return f(a, b) + c; });
    case Second::sub: return run([=](Vector a, Vector b, Vector c) { return f(a, b) - c; });
    case Second::sub_from: return run([=](Vector a, Vector b, Vector c) { return c - f(a, b); });
    case Second::mul: return run([=](Vector a, Vector b, Vector c) { return f(a, b) * c; });
    case Second::div: return run([=](Vector a, Vector b, Vector c) { return f(a, b) / c; });
    case Second::div_from: return run([=](Vector a, Vector b, Vector c) { return c / f(a, b); });
    case Second::square:
      return run([=](Vector a, Vector b, Vector) {
        const Vector v = f(a, b);
        return v * v;
      });
    case Second::at_least: return run([=](Vector a, Vector b, Vector c) { return truth(c <= f(a, b)); });
  }
}

template <class Run>
inline void with_pair(int32_t pair, const Run& run) {
  const Second second = static_cast<Second>(pair % seconds);
  switch (static_cast<First>(pair / seconds)) {
    case First::add: return with_second(second, [](Vector a, Vector b) { return a + b; }, run);
    case First::sub: return with_second(second, [](Vector a, Vector b) { return a - b; }, run);
    case First::mul: return with_second(second, [](Vector a, Vector b) { return a * b; }, run);
    case First::div: return with_second(second, [](Vector a, Vector b) { return a / b; }, run);
    case First::abs: return with_second(second, [](Vector a, Vector) { return abs_of(a); }, run);
    case First::less_equal: return with_second(second, [](Vector a, Vector b) { return truth(a <= b); }, run);
  }
}

// Runs instructions over n floats, whole passes.
inline void run(const Instruction* from, const Instruction* to, const Register* r, long n) {
  for (; from < to; from++) {
    const Instruction& i = *from;
    const auto each = [&](const auto& f) { pass<4>(i, r, n, f); };
    switch (static_cast<Op>(i.op)) {
      case Op::constant: {
        float value;
        memcpy(&value, &i.a, sizeof value);
        for (long j = 0; j < n; j++) r[i.to].at[j] = value;
        break;
      }
      case Op::copy: each([](Vector a, Vector, Vector) { return a; }); break;
      case Op::neg: each([](Vector a, Vector, Vector) { return -a; }); break;
      case Op::abs: map_pass<4, abs_of>(i, r, n); break;
      case Op::sqrt: map_pass<4, sqrt_of>(i, r, n); break;
      case Op::exp: map_pass<2, exp_of>(i, r, n); break;
      case Op::log: map_pass<2, log_of>(i, r, n); break;
      case Op::sigmoid: map_pass<2, sigmoid_of>(i, r, n); break;
      case Op::tanh: map_pass<2, tanh_of>(i, r, n); break;
      case Op::sin: map_pass<1, sin_of>(i, r, n); break;
      case Op::cos: map_pass<1, cos_of>(i, r, n); break;
      case Op::atan: map_pass<2, atan_of>(i, r, n); break;
      case Op::erf: map_pass<2, erf_of>(i, r, n); break;
      case Op::floor: map_pass<4, floor_of>(i, r, n); break;
      case Op::round: map_pass<4, round_of>(i, r, n); break;
      case Op::is_zero: each([](Vector a, Vector, Vector) { return truth(a == 0.0f); }); break;
      case Op::add: each([](Vector a, Vector b, Vector) { return a + b; }); break;
      case Op::sub: each([](Vector a, Vector b, Vector) { return a - b; }); break;
      case Op::mul: each([](Vector a, Vector b, Vector) { return a * b; }); break;
      case Op::div: each([](Vector a, Vector b, Vector) { return a / b; }); break;
      case Op::min: each([](Vector a, Vector b, Vector) { return min_of(a, b); }); break;
      case Op::max: each([](Vector a, Vector b, Vector) { return max_of(a, b); }); break;
      case Op::pow: pass<1>(i, r, n, [](Vector a, Vector b, Vector) { return pow_of(a, b); }); break;
      case Op::less: each([](Vector a, Vector b, Vector) { return truth(a < b); }); break;
      case Op::less_equal: each([](Vector a, Vector b, Vector) { return truth(a <= b); }); break;
      case Op::equal: each([](Vector a, Vector b, Vector) { return truth(a == b); }); break;
      case Op::both: each([](Vector a, Vector b, Vector) { return truth(is_true(a) & is_true(b)); }); break;
      case Op::either: each([](Vector a, Vector b, Vector) { return truth(is_true(a) | is_true(b)); }); break;
      case Op::select: each([](Vector a, Vector b, Vector c) { return choose(is_true(a), b, c); }); break;
      default: with_pair(i.op - static_cast<int32_t>(Op::pair), each);
    }
  }
}
