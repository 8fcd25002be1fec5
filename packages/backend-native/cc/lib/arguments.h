// Unpacks a call and checks it. A kernel reads its numbers and buffers in order and returns `args.status` if it is not ok.
#pragma once

inline long min(long a, long b) { return a < b ? a : b; }
inline long max(long a, long b) { return a > b ? a : b; }
inline long ceil_div(long a, long b) { return (a + b - 1) / b; }

// Number of floats that take the memory of `count` doubles.
inline size_t doubles(long count) { return count * (sizeof(double) / sizeof(float)); }

// The product of sizes. It saturates at 2^60, more than any buffer has: an overflow could pass for a small size.
constexpr long most_elements = 1L << 60;
template <class... Sizes>
inline long product(Sizes... sizes) {
  long result = 1;
  const auto times = [&](long size) {
    if (__builtin_mul_overflow(result, size, &result) || result > most_elements) result = most_elements;
  };
  (times(sizes), ...);
  return result;
}

// Spikes in a word of bits.
constexpr long word_bits = 32;

// Largest stride, dilation, window and padding, so that positions do not overflow either.
constexpr long most_step = 1L << 20;

class Arguments {
 public:
  explicit Arguments(const Call& call) : call_(call) {}
  Status status = Status::ok;
  void fail(Status s) {
    if (status == Status::ok) status = s;
  }

  double number() {
    if (numbers_ >= call_.number_count) return fail(Status::wrong_arguments), 0;
    return call_.numbers[numbers_++];
  }

  // An integer in [least, most].
  long integer(long least = 0, long most = 1L << 40) {
    double value = number();
    if (!(value >= least && value <= most)) return fail(Status::wrong_arguments), least;
    return static_cast<long>(value);
  }

  // One of an enumeration that starts at 0.
  template <class E>
  E choice(E last) {
    return static_cast<E>(integer(0, static_cast<long>(last)));
  }

  // An integer of either sign, such as a padding.
  long offset() {
    double value = number();
    if (!(value >= -most_step && value <= most_step)) return fail(Status::wrong_arguments), 0;
    return static_cast<long>(value);
  }

  float* floats(long at_least) { return static_cast<float*>(buffer(at_least, Type::float32)); }
  uint8_t* bytes(long at_least) { return static_cast<uint8_t*>(buffer(at_least, Type::uint8)); }
  uint16_t* bfloats(long at_least) { return static_cast<uint16_t*>(buffer(at_least, Type::uint16)); }
  int32_t* ints(long at_least) { return static_cast<int32_t*>(buffer(at_least, Type::int32)); }
  // Element i is bit i % 32 of word i / 32. Bits past the last element are 0.
  uint32_t* bits(long at_least) {
    return static_cast<uint32_t*>(buffer(ceil_div(at_least, word_bits), Type::int32));
  }
  // Whether there is a further buffer, such as for an output that callers may leave out.
  bool has_more() const { return buffers_ < call_.buffer_count; }
  Type next_type() const {
    return has_more() ? call_.buffers[buffers_].type : Type::float32;
  }

 private:
  void* buffer(long at_least, Type type) {
    if (buffers_ >= call_.buffer_count) return fail(Status::wrong_arguments), nullptr;
    const Buffer& b = call_.buffers[buffers_++];
    if (b.type != type) return fail(Status::wrong_type), nullptr;
    if (b.length < static_cast<size_t>(at_least)) return fail(Status::too_small), nullptr;
    return b.data;
  }

  const Call& call_;
  int buffers_ = 0;
  int numbers_ = 0;
};
