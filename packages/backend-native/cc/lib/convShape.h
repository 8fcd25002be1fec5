// The numbers that all convolution kernels take.
#pragma once
#include "arguments.h"

// In the order of the call.
struct ConvShape {
  long N, IH, IW, C, OH, OW, K, KH, KW, sh, sw, pt, pl, dh, dw;
  long x() const { return product(N, IH, IW, C); }
  long w() const { return product(KH, KW, C, K); }
  long y() const { return product(N, OH, OW, K); }
};

inline ConvShape conv_shape(Arguments& args) {
  ConvShape s;
  s.N = args.integer(), s.IH = args.integer(), s.IW = args.integer(), s.C = args.integer();
  s.OH = args.integer(), s.OW = args.integer(), s.K = args.integer();
  s.KH = args.integer(1, most_step), s.KW = args.integer(1, most_step);
  s.sh = args.integer(1, most_step), s.sw = args.integer(1, most_step);
  s.pt = args.offset(), s.pl = args.offset();
  s.dh = args.integer(1, most_step), s.dw = args.integer(1, most_step);
  // Size of all padded images together, an upper bound for a band of rows.
  const long height = max(s.OH * s.sh, s.IH) + s.KH * s.dh + s.sh, width_in = max(s.OW * s.sw, s.IW) + s.KW * s.dw + s.sw;
  if (product(s.N + 2, height, width_in, max(s.C, s.K)) > 1L << 48) args.fail(Status::wrong_arguments);
  return s;
}
