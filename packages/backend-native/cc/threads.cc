#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>

#include "sanitizer.h"

namespace sew {
namespace {

// Polls before a thread sleeps or leaves its core to another: about 20 µs, the time between two kernels.
constexpr int spins = 4000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// A round is one parallel_for. `claim` holds its number in the upper and its next task in the lower 32 bits. Between two
// rounds no task can be claimed, and only then the fields change: a thread that read those of one round cannot claim a task
// of another. The caller waits until all tasks are done, not until all threads have noticed the round: one that the system
// does not run now delays nobody.
struct Pool {
  std::mutex callers;  // one parallel_for at a time
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<uint64_t> claim{0};
  std::atomic<long> tasks{0};
  std::atomic<long> done{0};
  std::atomic<void (*)(void*, long)> f{nullptr};
  std::atomic<void*> context{nullptr};
  int workers = 0;               // started
  std::atomic<int> active{1};    // threads that take part, the caller included
  std::atomic<int> cores{1};

  // A number of a task that no round has.
  static constexpr uint64_t closed = 0xffffffff;

  uint64_t round() { return claim.load(std::memory_order_acquire) >> 32; }

  // Runs tasks of the round under way until none is left to claim.
  void work() {
    uint64_t now = claim.load(std::memory_order_acquire);
    for (;;) {
      const long count = tasks.load(std::memory_order_acquire);
      void (*const task)(void*, long) = f.load(std::memory_order_acquire);
      void* const argument = context.load(std::memory_order_acquire);
      const long index = static_cast<long>(now & closed);
      if (index >= count) return;
      if (!claim.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      task(argument, index);
      done.fetch_add(1, std::memory_order_release);
      now = claim.load(std::memory_order_acquire);
    }
  }

  void loop(int index) {
    for (uint64_t seen = 0;;) {
      const int polls = active.load(std::memory_order_relaxed) > cores.load(std::memory_order_relaxed) ? 0 : spins;
      for (int i = 0; i < polls && round() == seen; i++) pause();
      if (round() == seen) {
        std::unique_lock<std::mutex> lock(mutex);
        wake.wait(lock, [&] { return round() != seen; });
      }
      seen = round();
      if (index < active.load(std::memory_order_relaxed)) work();
    }
  }

  // Starts what is missing of `count` threads. What the system refuses, under a limit of processes or of memory, does not
  // take part.
  void start(int count) {
    while (workers < count - 1) {
      struct Start {
        Pool* pool;
        int index;
      };
      auto* argument = new (std::nothrow) Start{this, workers + 1};
      if (argument == nullptr) break;
      pthread_attr_t attributes;
      pthread_attr_init(&attributes);
      pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
      pthread_t thread;
      const int refused = pthread_create(
          &thread, &attributes,
          [](void* raw) -> void* {
            const Start own = *static_cast<Start*>(raw);
            delete static_cast<Start*>(raw);
            own.pool->loop(own.index);
            return nullptr;
          },
          argument);
      pthread_attr_destroy(&attributes);
      if (refused != 0) {
        delete argument;
        break;
      }
      workers++;
    }
    if (workers < count - 1) active = workers + 1;
  }
};

// Never destroyed: the threads outlive static destruction.
Pool& pool() {
  alignas(Pool) static unsigned char memory[sizeof(Pool)];
  static Pool* p = new (memory) Pool;
  return *p;
}

constexpr size_t huge_page = size_t{1} << 21;

// Aligned memory; null when there is none.
void* allocate(size_t bytes) {
  size_t alignment = bytes >= huge_page ? huge_page : 64;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, (bytes + 63) & ~size_t{63}) != 0) return nullptr;
#if defined(__linux__)
  if (bytes >= huge_page) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

std::atomic<size_t> held{0};

struct Slots {
  float* memory[scratch_slots] = {};
  size_t floats[scratch_slots] = {};
  ~Slots() {
    for (int i = 0; i < scratch_slots; i++) {
      free(memory[i]);
      held -= floats[i] * sizeof(float);
    }
  }
};

}  // namespace

int thread_count() { return pool().active; }

void set_thread_count(int count) { pool().active = count < 1 ? 1 : count; }

void set_core_count(int count) { pool().cores = count < 1 ? 1 : count; }

void parallel_for(long n, void (*f)(void*, long), void* context) {
  Pool& p = pool();
  if (n > 1 && n <= 0x7fffffff && p.active > 1 && p.callers.try_lock()) {
    p.start(p.active);
    const uint64_t round = p.round();
    p.claim.store(round << 32 | Pool::closed, std::memory_order_release);
    p.done.store(0, std::memory_order_release);
    p.f.store(f, std::memory_order_release);
    p.context.store(context, std::memory_order_release);
    p.tasks.store(n, std::memory_order_release);
    {
      std::lock_guard<std::mutex> lock(p.mutex);
      p.claim.store((round + 1) << 32, std::memory_order_release);
    }
    p.wake.notify_all();
    p.work();
    for (int i = 0; p.done.load(std::memory_order_acquire) != n; i++) {
      if (i < spins) pause();
      else sched_yield();
    }
    p.callers.unlock();
    return;
  }
  for (long i = 0; i < n; i++) f(context, i);
}

float* scratch(int slot, size_t floats) {
  thread_local Slots slots;
  if (slots.floats[slot] < floats) {
    free(slots.memory[slot]);
    held -= slots.floats[slot] * sizeof(float);
    slots.memory[slot] = static_cast<float*>(allocate(floats * sizeof(float)));
    slots.floats[slot] = slots.memory[slot] == nullptr ? 0 : floats;
    held += slots.floats[slot] * sizeof(float);
  }
  if (checks_addresses && slots.memory[slot] != nullptr) {
    // Contents from earlier calls must not be used: all ones are NaN.
    allow(slots.memory[slot], slots.floats[slot] * sizeof(float));
    memset(slots.memory[slot], 0xff, floats * sizeof(float));
    forbid(slots.memory[slot] + floats, (slots.floats[slot] - floats) * sizeof(float));
  }
  return slots.memory[slot];
}

size_t scratch_bytes() { return held; }

}  // namespace sew
