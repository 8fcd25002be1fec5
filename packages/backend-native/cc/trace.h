// What kernels report of how they compute while they are traced. No result depends on it.
#pragma once

namespace sew {

// Off unless the binding says so, between kernels.
extern bool tracing;

void count_operations(const char* path, double operations, double lists);
void count_seconds(const char* step, double seconds);
double clock_seconds();
void add_reason(const char* reason);

// Counts operations of the running kernel as done on a path, such as "Winograd tiles": multiply-adds, or the additions of a
// path without products; event-driven paths say in how many lists. From any thread; the text must be a literal.
inline void took(const char* path, double operations, double lists = 0) {
  if (tracing) count_operations(path, operations, lists);
}

// Times a step that the operations leave out, such as the transforms of tiles, from here to the end of the block. The time of
// all threads adds up.
class Step {
 public:
  explicit Step(const char* name) : name_(name), start_(tracing ? clock_seconds() : 0) {}
  ~Step() {
    if (tracing) count_seconds(name_, clock_seconds() - start_);
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  const char* name_;
  double start_;
};

// Says why the running kernel takes no faster path, and the remedy, in a literal.
inline void because(const char* reason) {
  if (tracing && reason != nullptr) add_reason(reason);
}

// A path with its operations and lists; a step, with its time; or a reason, whose operations are below 0.
struct Traced {
  const char* text;
  double operations, lists, seconds;
};

// What was reported since the last call; returns the number of entries, whose memory the next kernel overwrites.
int take_traced(const Traced** entries);

}  // namespace sew
