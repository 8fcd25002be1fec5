// A pool of threads, and memory that each of them keeps between kernels.
#pragma once
#include <stddef.h>

namespace sew {

// Number of threads that kernels use, the caller included. It never changes a result: see parallel_for.
int thread_count();
// Returns the number in use: fewer where the system starts no more. With more threads than cores none of them polls.
int set_thread_count(int count, int cores);

// Runs f(context, 0) ... f(context, n - 1), each once, in any order and on any thread, and returns when all are done.
// What a task computes must depend on its number alone, so that results do not depend on how many threads there are.
void parallel_for(long n, void (*f)(void* context, long task), void* context);

template <class F>
void parallel(long n, const F& f) {
  parallel_for(
      n, [](void* context, long task) { (*static_cast<const F*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

// Memory of the calling thread for at least `floats` numbers, aligned to 64 bytes, contents undefined; null when there is
// none. Each slot keeps its block until a larger one is requested.
float* scratch(int slot, size_t floats);
constexpr int scratch_slots = 4;

// Bytes in the slots of all threads.
size_t scratch_bytes();

}  // namespace sew
