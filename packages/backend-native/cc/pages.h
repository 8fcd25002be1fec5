// Address space for tensors, and the memory behind it, a huge page at a time.
#pragma once
#include <stddef.h>

namespace sew {

constexpr size_t page_bytes = size_t{1} << 21;

// Address space of so many bytes, whole pages, with no memory behind it until it is touched; null when there is none.
void* reserve(size_t bytes);
void unreserve(void* memory, size_t bytes);

enum class Moved { yes, no, lost };

// Moves the memory behind page `from` behind page `to`, which has none: no byte is copied, and `from` is as if it had
// never been touched. `no`, with both as they were, where the system cannot; `lost` when `to` must not be used again.
Moved move_page(void* to, void* from);

// Gives the memory behind a page back to the system. False where the system keeps it.
bool drop_page(void* page);

}  // namespace sew
