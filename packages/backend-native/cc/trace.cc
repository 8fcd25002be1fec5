#include "trace.h"

#include <string.h>
#include <time.h>

#include <mutex>

namespace sew {

bool tracing = false;

constexpr int most_entries = 32;
static Traced entries[most_entries];
static int count = 0;
static std::mutex mutex;

static void add(const char* text, double operations, double lists, double seconds) {
  const std::lock_guard<std::mutex> lock(mutex);
  int i = 0;
  while (i < count && strcmp(entries[i].text, text) != 0) i++;
  if (i == most_entries) return;
  if (i == count) entries[count++] = {text, 0, 0, 0};
  entries[i].operations += operations;
  entries[i].lists += lists;
  entries[i].seconds += seconds;
}

void count_operations(const char* path, double operations, double lists) { add(path, operations, lists, 0); }
void count_seconds(const char* step, double seconds) { add(step, 0, 0, seconds); }
void add_reason(const char* reason) { add(reason, -1, 0, 0); }

double clock_seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

int take_traced(const Traced** taken) {
  const std::lock_guard<std::mutex> lock(mutex);
  *taken = entries;
  const int found = count;
  count = 0;
  return found;
}

}  // namespace sew
