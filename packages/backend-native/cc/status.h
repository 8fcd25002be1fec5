// The results of a call. status.cc has a text for each.
#pragma once

namespace sew {

enum class Status : int {
  ok = 0,
  unknown_kernel,
  wrong_arguments,
  wrong_type,
  too_small,
  out_of_memory,
  not_finite,
  count,
};

const char* text(Status status);

}  // namespace sew
