#include "pages.h"

#include <stdint.h>
#include <sys/mman.h>

// Linux 5.7. Older headers lack it, and older kernels refuse it.
#if defined(__linux__) && !defined(MREMAP_DONTUNMAP)
#define MREMAP_DONTUNMAP 4
#endif

namespace sew {
namespace {

// Tensors are streamed: huge pages save most page faults and TLB misses.
void want_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__linux__)
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
}

}  // namespace

void* reserve(size_t bytes) {
  const size_t mapped = bytes + page_bytes;
  void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  char* const start = static_cast<char*>(memory);
  const size_t before = -reinterpret_cast<uintptr_t>(start) % page_bytes;
  if (before > 0) munmap(start, before);
  munmap(start + before + bytes, page_bytes - before);
  want_huge_pages(start + before, bytes);
  return start + before;
}

void unreserve(void* memory, size_t bytes) { munmap(memory, bytes); }

Moved move_page([[maybe_unused]] void* to, [[maybe_unused]] void* from) {
#if defined(__linux__)
  if (mremap(from, page_bytes, page_bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to)
    return Moved::yes;
  // It may have failed after unmapping what was at `to`.
  if (mmap(to, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) != to)
    return Moved::lost;
  want_huge_pages(to, page_bytes);
#endif
  return Moved::no;
}

bool drop_page([[maybe_unused]] void* page) {
#if defined(__linux__)
  return madvise(page, page_bytes, MADV_DONTNEED) == 0;
#else
  return false;
#endif
}

}  // namespace sew
