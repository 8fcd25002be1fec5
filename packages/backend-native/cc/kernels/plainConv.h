// Convolution and its gradients by their definition, for numbers that are not finite, see finite.h: a tap outside the image
// adds nothing, and 0 times infinity is NaN. Slower than the other kernels by a factor of some 5 to 10.
#pragma once
#include "../lib/convShape.h"
#include "../lib/vectors.h"

// Calls f(input pixel, output pixel, tap) for each product of images along rows: f gets the offsets in pixels.
template <class F>
inline void for_taps(const ConvShape& s, long m, long q, const F& f) {
  for (long kh = 0; kh < s.KH; kh++) {
    const long h = m * s.sh - s.pt + kh * s.dh;
    if (h < 0 || h >= s.IH) continue;
    for (long kw = 0; kw < s.KW; kw++) {
      const long w = q * s.sw - s.pl + kw * s.dw;
      if (w >= 0 && w < s.IW) f(h * s.IW + w, kh * s.KW + kw);
    }
  }
}

inline double plain_products(const ConvShape& s) {
  return static_cast<double>(s.y()) * static_cast<double>(s.KH * s.KW * s.C);
}

// x, w -> y
SEW_KERNEL(plainConv2d) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const float *x = args.floats(s.x()), *w = args.floats(s.w());
  float* y = args.floats(s.y());
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0) return Status::ok;
  took("by definition", plain_products(s));
  if (s.C == 0) return memset(y, 0, s.y() * sizeof(float)), Status::ok;
  parallel(s.N * s.OH, [&](long task) {
    const long n = task / s.OH, m = task % s.OH;
    for (long q = 0; q < s.OW; q++) {
      float* to = y + (task * s.OW + q) * s.K;
      for_vectors(0, s.K, [&](long k, long count) {
        Vector sum = {};
        for_taps(s, m, q, [&](long pixel, long tap) {
          const float *from = x + (n * s.IH * s.IW + pixel) * s.C, *weights = w + tap * s.C * s.K + k;
          for (long c = 0; c < s.C; c++) sum = fma(splat(from[c]), load_part(weights + c * s.K, count), sum);
        });
        store_part(to + k, sum, count);
      });
    }
  });
  return Status::ok;
}

// dy, w -> dx
SEW_KERNEL(plainConv2dInputGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const float *dy = args.floats(s.y()), *w = args.floats(s.w());
  float* dx = args.floats(s.x());
  if (args.status != Status::ok) return args.status;
  if (s.x() == 0) return Status::ok;
  took("by definition", plain_products(s));
  if (s.y() == 0) return memset(dx, 0, s.x() * sizeof(float)), Status::ok;
  parallel(s.N, [&](long n) {
    float* image = dx + n * s.IH * s.IW * s.C;
    memset(image, 0, s.IH * s.IW * s.C * sizeof(float));
    for (long m = 0; m < s.OH; m++)
      for (long q = 0; q < s.OW; q++) {
        const float* from = dy + ((n * s.OH + m) * s.OW + q) * s.K;
        for_taps(s, m, q, [&](long pixel, long tap) {
          float* to = image + pixel * s.C;
          for (long c = 0; c < s.C; c++) {
            const float* weights = w + (tap * s.C + c) * s.K;
            Vector sum = {};
            for_vectors(0, s.K, [&](long k, long count) {
              sum = fma(load_part(from + k, count), load_part(weights + k, count), sum);
            });
            for (int i = 0; i < width; i++) to[c] += sum[i];
          }
        });
      }
  });
  return Status::ok;
}

// x, dy -> dw
SEW_KERNEL(plainConv2dFilterGrad) {
  Arguments args(call);
  const ConvShape s = conv_shape(args);
  const float *x = args.floats(s.x()), *dy = args.floats(s.y());
  float* dw = args.floats(s.w());
  if (args.status != Status::ok) return args.status;
  if (s.y() == 0 || s.w() == 0) return memset(dw, 0, s.w() * sizeof(float)), Status::ok;
  took("by definition", plain_products(s));
  bool failed = false;
  parallel(s.KH * s.KW, [&](long tap) {
    const long kh = tap / s.KW, kw = tap % s.KW;
    double* sums = reinterpret_cast<double*>(scratch(1, doubles(s.C * s.K)));
    if (sums == nullptr) {
      __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
      return;
    }
    for (long i = 0; i < s.C * s.K; i++) sums[i] = 0;
    for (long i = 0; i < s.N * s.OH; i++) {
      const long n = i / s.OH, h = i % s.OH * s.sh - s.pt + kh * s.dh;
      if (h < 0 || h >= s.IH) continue;
      for (long q = 0; q < s.OW; q++) {
        const long column = q * s.sw - s.pl + kw * s.dw;
        if (column < 0 || column >= s.IW) continue;
        const float *from = x + ((n * s.IH + h) * s.IW + column) * s.C, *g = dy + (i * s.OW + q) * s.K;
        for (long c = 0; c < s.C; c++) {
          double* __restrict to = sums + c * s.K;
          for (long k = 0; k < s.K; k++) to[k] += static_cast<double>(from[c]) * g[k];
        }
      }
    }
    for (long i = 0; i < s.C * s.K; i++) dw[tap * s.C * s.K + i] = static_cast<float>(sums[i]);
  });
  return failed ? Status::out_of_memory : Status::ok;
}
