// Functions of every lane of a vector: the one arithmetic of the element-wise kernels and of the programs that neurons run.
//
// They give the same bits on every instruction set, so none has a fused multiply-add. The largest errors that
// functions.test.ts finds against float64 are in units of the last place (ulp).
#pragma once
#include "vectors.h"

// The lanes of one vector where the mask is all ones, else those of the other.
inline Vector choose(IntVector where, Vector a, Vector b) { return where ? a : b; }

// 1 where the mask is all ones, else 0.
inline Vector truth(IntVector where) { return (Vector)(where & (IntVector)splat(1.0f)); }

inline IntVector is_true(Vector x) { return x != 0.0f; }

inline IntVector sign_of(Vector x) { return (IntVector)x & INT32_MIN; }
inline Vector squared(Vector x) { return x * x; }
inline Vector abs_of(Vector x) { return (Vector)((IntVector)x & INT32_MAX); }
// x of a positive sign, with that of another vector.
inline Vector with_sign(Vector x, Vector of) { return (Vector)((IntVector)x | sign_of(of)); }

// NaN in either argument wins, as in JavaScript.
inline Vector max_of(Vector a, Vector b) { return choose((a != a) | (a > b), a, b); }
inline Vector min_of(Vector a, Vector b) { return choose((a != a) | (a < b), a, b); }

// To the nearest integer, ties to even. Numbers from 2^23 on are integers, and NaN stays.
inline Vector round_of(Vector x) {
  const Vector most = splat(8388608.0f), size = abs_of(x);
  return choose(size < most, with_sign((size + most) - most, x), x);
}
inline Vector floor_of(Vector x) {
  const Vector nearest = round_of(x);
  return choose(nearest > x, nearest - 1.0f, nearest);
}

// 2^n for n from -126 to 127.
inline Vector power_of_two(IntVector n) { return (Vector)((WordVector)(n + 127) << 23); }

// ln 2 in two parts. The first has 9 bits, so that its products with exponents are exact.
constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;

// exp(x) = 2^n exp(r) with n the integer nearest to x / ln 2. 1.0 ulp.
inline Vector exp_of(Vector x) {
  const Vector magic = splat(12582912.0f);  // its sums have integers in their low bits
  x = choose(x > 89.0f, splat(89.0f), choose(x < -104.0f, splat(-104.0f), x));
  const Vector shifted = x * 1.44269504f + magic, n = shifted - magic;
  const Vector r = (x - n * ln2_high) - n * ln2_low;
  Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const Vector y = (p * (r * r) + r) + 1.0f;
  // In two products, since 2^n need not be a normal number.
  const IntVector whole = (IntVector)shifted - (IntVector)magic, half = whole >> 1;
  return y * power_of_two(half) * power_of_two(whole - half);
}

// log(x) = e ln 2 + log(m) with m from sqrt(1/2) to sqrt(2). 0.8 ulp.
inline Vector log_of(Vector x) {
  constexpr int32_t root_half = 0x3f3504f3;
  const IntVector ordinary = (x > 0.0f) & (x < INFINITY), tiny = x < 1.17549435e-38f;
  const Vector scaled = choose(tiny, x * 8388608.0f, x);
  const IntVector above = (IntVector)choose(ordinary, scaled, splat(1.0f)) - root_half;
  const Vector e = __builtin_convertvector((above >> 23) + (tiny & -23), Vector);
  const Vector f = (Vector)((above & 0x7fffff) + root_half) - 1.0f, z = f * f;
  Vector p = f * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const Vector y = (p * f * z + e * ln2_low) - z * 0.5f;
  const Vector result = (f + y) + e * ln2_high;
  // log(0) is -infinity, that of infinity and of NaN themselves, that of less than 0 NaN.
  const Vector special = choose(x == 0.0f, splat(-INFINITY), choose(x < 0.0f, splat(NAN), x));
  return choose(ordinary, result, special);
}

// 1 / (1 + exp(-x)), 0 where the sigmoid is subnormal. 2.4 ulp.
inline Vector sigmoid_of(Vector x) { return 1.0f / (1.0f + exp_of(-x)); }

// A polynomial near 0, and 1 - 2 / (exp(2x) + 1) elsewhere. 1.3 ulp.
inline Vector tanh_of(Vector x) {
  const Vector size = abs_of(x), z = x * x;
  Vector p = z * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const Vector large = 1.0f - 2.0f / (exp_of(size + size) + 1.0f);
  return choose(size < 0.625f, p * z * x + x, with_sign(large, x));
}

// atan(x) = π/2 - atan(1/x) = π/4 + atan((x - 1) / (x + 1)). 2.1 ulp.
inline Vector atan_of(Vector x) {
  const Vector size = abs_of(x);
  const IntVector large = size > 2.41421356f, middle = size > 0.414213562f;
  const auto by_size = [&](Vector a, Vector b, Vector c) { return choose(large, a, choose(middle, b, c)); };
  const Vector t = by_size(splat(-1.0f), size - 1.0f, size) / by_size(size, size + 1.0f, splat(1.0f));
  const Vector z = t * t;
  Vector p = z * 8.05374449538e-2f - 1.38776856032e-1f;
  p = p * z + 1.99777106478e-1f;
  p = p * z - 3.33329491539e-1f;
  // π/2 and π/4 in two parts
  const Vector rest = by_size(splat(-4.37113883e-8f), splat(-2.18556941e-8f), Vector{});
  const Vector angle = by_size(splat(1.57079633f), splat(0.785398163f), Vector{});
  return with_sign(angle + (p * z * t + rest + t), x);
}

// A polynomial near 0, and 1 - exp(polynomial) elsewhere. 1.3 ulp.
inline Vector erf_of(Vector x) {
  const Vector z = x * x, full = abs_of(x), size = choose(full > 4.0f, splat(4.0f), full);
  Vector p = z * -5.96761703e-4f + 4.99119423e-3f;
  p = p * z - 2.67681349e-2f;
  p = p * z + 1.12819925e-1f;
  p = p * z - 3.76125336e-1f;
  p = p * z + 1.28379166e-1f;
  Vector q = size * -1.72853470e-5f + 3.83197126e-4f;
  q = q * size - 3.88396438e-3f;
  q = q * size + 2.42546219e-2f;
  q = q * size - 1.06777877e-1f;
  q = q * size - 6.34846687e-1f;
  q = q * size - 1.28717512e-1f;
  const Vector large = 1.0f - exp_of(q * size - size);
  return choose(full < 0.921875f, p * x + x, with_sign(large, x));
}

// A function of doubles for each lane, where speed matters less.
template <class F>
inline Vector each_lane(Vector a, Vector b, const F& f) {
  float p[width], q[width];
  store(p, a), store(q, b);
  for (int i = 0; i < width; i++) p[i] = static_cast<float>(f(static_cast<double>(p[i]), static_cast<double>(q[i])));
  return load(p);
}
inline Vector sin_of(Vector x) {
  return each_lane(x, x, [](double v, double) { return sin(v); });
}
inline Vector cos_of(Vector x) {
  return each_lane(x, x, [](double v, double) { return cos(v); });
}

// JavaScript's pow: NaN to any power but 0 and anything to the power of NaN are NaN, and so is 1 or -1 to an infinite power.
inline double power_of(double a, double b) { return b != b || (fabs(a) == 1 && fabs(b) == INFINITY) ? NAN : pow(a, b); }
inline Vector pow_of(Vector a, Vector b) {
  return each_lane(a, b, [](double p, double q) { return power_of(p, q); });
}
