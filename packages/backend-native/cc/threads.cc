#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <atomic>

#include "sanitizer.h"

namespace sew {
namespace {

// Polls for the next kernel before a worker sleeps: about 20 µs, the time between two kernels.
constexpr int spins = 4000;

// Kernels need a tenth of it. A default stack is large under a limit of address space, and small in some C libraries.
constexpr size_t stack_bytes = size_t{1} << 20;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// No std::thread, std::mutex or new: they report failures by exceptions, which end the process here.
struct Pool {
  pthread_mutex_t callers = PTHREAD_MUTEX_INITIALIZER;  // one parallel_for at a time
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;    // of `sleeping`
  pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
  int sleeping = 0;
  alignas(64) std::atomic<unsigned> round{0};
  std::atomic<int> seats{0};               // of workers that may still join the round
  alignas(64) std::atomic<int> inside{0};  // workers that have joined it, or are about to find that they cannot
  alignas(64) std::atomic<long> next{0};
  long tasks = 0;
  void (*f)(void*, long) = nullptr;
  void* context = nullptr;
  int workers = 0;               // started
  std::atomic<int> active{1};    // threads that take part, the caller included
  std::atomic<bool> spin{true};  // whether each of them has a core of its own

  void work() {
    for (long i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) f(context, i);
  }

  // A worker that comes late finds no seat. The order of `inside` and `seats` is that of the caller reversed, so that
  // either the worker finds the round closed or the caller finds the worker inside.
  void join() {
    inside.fetch_add(1);
    int free = seats.load();
    while (free > 0 && !seats.compare_exchange_weak(free, free - 1)) {
    }
    if (free > 0) work();
    inside.fetch_sub(1, std::memory_order_release);
  }

  void loop() {
    for (unsigned seen = 0;;) {
      for (int i = 0; spin.load(std::memory_order_relaxed) && i < spins; i++) {
        if (round.load(std::memory_order_acquire) != seen) break;
        pause();
      }
      if (round.load(std::memory_order_acquire) == seen) {
        pthread_mutex_lock(&mutex);
        sleeping++;
        while (round.load(std::memory_order_acquire) == seen) pthread_cond_wait(&wake, &mutex);
        sleeping--;
        pthread_mutex_unlock(&mutex);
      }
      seen = round.load(std::memory_order_acquire);
      join();
    }
  }

  // Starts workers, as many as the system lets.
  void start(int count) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const auto run = [](void* pool) -> void* {
      static_cast<Pool*>(pool)->loop();
      return nullptr;
    };
    pthread_t thread;
    while (workers < count && pthread_create(&thread, &attributes, run, this) == 0) workers++;
    pthread_attr_destroy(&attributes);
  }

  void open(long n, void (*function)(void*, long), void* argument) {
    f = function;
    context = argument;
    tasks = n;
    next.store(0, std::memory_order_relaxed);
    const int wanted = static_cast<int>(n < active ? n : active.load()) - 1;
    seats.store(wanted);
    pthread_mutex_lock(&mutex);
    round.fetch_add(1, std::memory_order_release);
    const int asleep = sleeping < wanted ? sleeping : wanted;
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < asleep; i++) pthread_cond_signal(&wake);
  }

  // Waits only for workers that have joined: others need not even wake up.
  void close() {
    seats.store(0);
    for (int i = 0; inside.load() != 0; i++) i < spins && spin ? pause() : void(sched_yield());
  }
};

// Never destroyed: the threads outlive static destruction.
Pool pool;

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

int thread_count() { return pool.active; }

int set_thread_count(int count, int cores) {
  pthread_mutex_lock(&pool.callers);
  pool.start(count - 1);
  if (count > pool.workers + 1) count = pool.workers + 1;
  pool.active = count < 1 ? 1 : count;
  pool.spin = pool.active <= cores;
  pthread_mutex_unlock(&pool.callers);
  return pool.active;
}

void parallel_for(long n, void (*f)(void*, long), void* context) {
  if (n > 1 && pool.active > 1 && pthread_mutex_trylock(&pool.callers) == 0) {
    pool.open(n, f, context);
    pool.work();
    pool.close();
    pthread_mutex_unlock(&pool.callers);
    return;
  }
  for (long i = 0; i < n; i++) f(context, i);
}

float* scratch(int slot, size_t floats) {
  thread_local Slots slots;
  if (floats == 0) floats = 1;  // null means that there is no memory
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
