// Marks memory for AddressSanitizer. Buffers of tensors and scratch blocks are larger than what a kernel requested, and it
// must not touch the rest. In other builds these functions do nothing.
#pragma once
#include <stddef.h>
#include <string.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace sew {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool checks_addresses = true;
inline void forbid(const void* from, size_t bytes) { __asan_poison_memory_region(from, bytes); }
inline void allow(const void* from, size_t bytes) { __asan_unpoison_memory_region(from, bytes); }
#else
constexpr bool checks_addresses = false;
inline void forbid(const void*, size_t) {}
inline void allow(const void*, size_t) {}
#endif

}  // namespace sew
