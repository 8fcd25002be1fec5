#include "trace.h"

#include <string.h>

#include <mutex>

namespace sew {

bool tracing = false;

constexpr int most_entries = 32;
static Traced entries[most_entries];
static int count = 0;
static std::mutex mutex;

static void add(const char* text, double operations) {
  const std::lock_guard<std::mutex> lock(mutex);
  int i = 0;
  while (i < count && strcmp(entries[i].text, text) != 0) i++;
  if (i == most_entries) return;
  if (i == count) entries[count++] = {text, 0};
  entries[i].operations += operations;
}

void count_operations(const char* path, double operations) { add(path, operations); }
void add_reason(const char* reason) { add(reason, -1); }

int take_traced(const Traced** taken) {
  const std::lock_guard<std::mutex> lock(mutex);
  *taken = entries;
  const int found = count;
  count = 0;
  return found;
}

}  // namespace sew
