// What kernels report of how they compute while they are traced. No result depends on it.
#pragma once

namespace sew {

// Off unless the binding says so, between kernels.
extern bool tracing;

void count_operations(const char* path, double operations);
void add_reason(const char* reason);

// Counts operations of the running kernel as done on a path, such as "Winograd tiles": multiply-adds, or the additions of a
// path without products. From any thread; the text must be a literal.
inline void took(const char* path, double operations) {
  if (tracing) count_operations(path, operations);
}

// Says why the running kernel takes no faster path, and the remedy, in a literal.
inline void because(const char* reason) {
  if (tracing && reason != nullptr) add_reason(reason);
}

// A path and its operations, or a reason, whose operations are below 0.
struct Traced {
  const char* text;
  double operations;
};

// What was reported since the last call; returns the number of entries, whose memory the next kernel overwrites.
int take_traced(const Traced** entries);

}  // namespace sew
