// Address space for tensors, and the memory that backs it, in huge pages.
#pragma once
#include <stddef.h>

namespace sew {

constexpr size_t page_bytes = size_t{1} << 21;

// Reserves address space, in whole pages, that is not backed by memory until it is touched. Null when there is none.
void* reserve(size_t bytes);
void unreserve(void* memory, size_t bytes);

enum class Moved { yes, no, lost };

// Moves the memory of page `from` to page `to`, which has none: no byte is copied, and `from` is as if it had never been
// touched. `no`: the system cannot, both are unchanged. `lost`: `to` must not be used again.
Moved move_page(void* to, void* from);

// Returns the memory of a page to the system. False where that is not supported.
bool drop_page(void* page);

}  // namespace sew
