#include "threads.h"

#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "sanitizer.h"

namespace sew {
namespace {

// Polls for the next kernel before a worker sleeps: about 20 µs, the time between two kernels.
constexpr int spins = 4000;

struct Pool {
  std::mutex callers;  // one parallel_for at a time
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<unsigned> round{0};
  std::atomic<long> next{0};
  std::atomic<int> busy{0};
  long tasks = 0;
  void (*f)(void*, long) = nullptr;
  void* context = nullptr;
  int workers = 0;              // started
  std::atomic<int> active{1};   // threads that take part, the caller included

  void work() {
    for (long i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) f(context, i);
  }

  void loop(int index, unsigned seen) {
    for (;;) {
      for (int i = 0; i < spins && round.load(std::memory_order_acquire) == seen; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
      if (round.load(std::memory_order_acquire) == seen) {
        std::unique_lock<std::mutex> lock(mutex);
        wake.wait(lock, [&] { return round.load(std::memory_order_acquire) != seen; });
      }
      seen = round.load(std::memory_order_acquire);
      if (index < active.load(std::memory_order_relaxed)) work();
      busy.fetch_sub(1, std::memory_order_release);
    }
  }

  void start(int count) {
    for (; workers < count - 1; workers++) {
      int index = workers + 1;
      unsigned seen = round.load();
      std::thread([this, index, seen] { loop(index, seen); }).detach();
    }
  }
};

// Never destroyed: the threads outlive static destruction.
Pool& pool() {
  static Pool* p = new Pool;
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

void parallel_for(long n, void (*f)(void*, long), void* context) {
  Pool& p = pool();
  if (n > 1 && p.active > 1 && p.callers.try_lock()) {
    p.start(p.active);
    p.f = f;
    p.context = context;
    p.tasks = n;
    p.next.store(0, std::memory_order_relaxed);
    p.busy.store(p.workers, std::memory_order_relaxed);
    {
      std::lock_guard<std::mutex> lock(p.mutex);
      p.round.fetch_add(1, std::memory_order_release);
    }
    p.wake.notify_all();
    p.work();
    while (p.busy.load(std::memory_order_acquire) != 0) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#else
      std::this_thread::yield();
#endif
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
