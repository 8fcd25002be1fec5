// A pool of threads, and memory that each of them keeps between kernels.
#pragma once
#include <stddef.h>

namespace sew {

// Threads that kernels use, the caller's included. Never changes a result: see parallel_for.
int thread_count();
void set_thread_count(int count);

// Runs f(context, 0) ... f(context, n - 1), each once, in any order and on any thread, and returns when all are done.
// What a task computes must depend on its number alone, so that results do not depend on how many threads there are.
void parallel_for(long n, void (*f)(void* context, long task), void* context);

template <class F>
void parallel(long n, const F& f) {
  parallel_for(
      n, [](void* context, long task) { (*static_cast<const F*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

// At least `floats` numbers of the calling thread's own memory, aligned to 64 bytes, contents undefined; null when there
// is no memory. Each slot keeps its block until it is asked for a larger one.
float* scratch(int slot, size_t floats);
constexpr int scratch_slots = 4;

// Bytes that all threads hold in their slots.
size_t scratch_bytes();

}  // namespace sew
