// The addon's Node-API interface: unpacks arguments, calls a kernel, and returns its status. No arithmetic here.
#include <node_api.h>
#include <stdlib.h>
#include <time.h>

#include "dispatch.h"
#include "pages.h"
#include "sanitizer.h"
#include "threads.h"
#include "trace.h"

using namespace sew;

namespace {

// Node-API calls fail only on misuse from this file's own TypeScript caller, or when an exception is pending; either way
// the exception is raised there.
#define CHECK(call)                                                            \
  do {                                                                         \
    if ((call) != napi_ok) {                                                   \
      bool pending = false;                                                    \
      napi_is_exception_pending(env, &pending);                                \
      if (!pending) napi_throw_type_error(env, nullptr, "backend-native: " #call " failed"); \
      return nullptr;                                                          \
    }                                                                          \
  } while (0)

napi_value number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value string(napi_env env, const char* value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &result);
  return result;
}

// Runs a kernel. Under AddressSanitizer it must not touch the memory around its arrays, which belongs to their buffers.
Status run_checked(napi_env env, Kernel kernel, const Call& call, const napi_value* arrays) {
  constexpr size_t close = 1 << 16;
  struct {
    char* from;
    size_t bytes;
  } around[Call::max_buffers];
  for (int i = 0; i < call.buffer_count; i++) {
    const Buffer& b = call.buffers[i];
    napi_value buffer;
    void* memory;
    size_t bytes, offset;
    napi_get_typedarray_info(env, arrays[i], nullptr, nullptr, nullptr, &buffer, &offset);
    napi_get_arraybuffer_info(env, buffer, &memory, &bytes);
    const size_t size = b.length * bytes_of(b.type);
    const size_t from = offset > close ? offset - close : 0, to = offset + size + close < bytes ? offset + size + close : bytes;
    around[i] = {static_cast<char*>(memory) + from, to - from};
    forbid(around[i].from, around[i].bytes);
  }
  for (int i = 0; i < call.buffer_count; i++) {
    const Buffer& b = call.buffers[i];
    allow(b.data, b.length * bytes_of(b.type));
  }
  const Status status = kernel(call);
  for (int i = 0; i < call.buffer_count; i++) allow(around[i].from, around[i].bytes);
  return status;
}

// Seconds in kernels that this thread called.
thread_local double seconds_in_kernels = 0;

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// run(kernel, numbers, ...typed arrays): returns the status, 0 for ok
napi_value run(napi_env env, napi_callback_info info) {
  size_t count = 2 + Call::max_buffers;
  napi_value args[2 + Call::max_buffers];
  CHECK(napi_get_cb_info(env, info, &count, args, nullptr, nullptr));
  if (count < 2 || count > 2 + Call::max_buffers) return number(env, static_cast<int>(Status::wrong_arguments));
  int32_t kernel = -1;
  CHECK(napi_get_value_int32(env, args[0], &kernel));
  if (kernel < 0 || kernel >= static_cast<int>(KernelId::count))
    return number(env, static_cast<int>(Status::unknown_kernel));
  Call call;
  uint32_t numbers = 0;
  CHECK(napi_get_array_length(env, args[1], &numbers));
  if (numbers > Call::max_numbers) return number(env, static_cast<int>(Status::wrong_arguments));
  call.number_count = static_cast<int>(numbers);
  for (uint32_t i = 0; i < numbers; i++) {
    napi_value element;
    CHECK(napi_get_element(env, args[1], i, &element));
    CHECK(napi_get_value_double(env, element, &call.numbers[i]));
  }
  call.buffer_count = static_cast<int>(count) - 2;
  for (int i = 0; i < call.buffer_count; i++) {
    Buffer& b = call.buffers[i];
    napi_typedarray_type type;
    CHECK(napi_get_typedarray_info(env, args[2 + i], &type, &b.length, &b.data, nullptr, nullptr));
    // An empty array has no address, and memcpy and memset must have one.
    static char nothing;
    if (b.data == nullptr) b.data = &nothing;
    switch (type) {
      case napi_float32_array: b.type = Type::float32; break;
      case napi_uint8_array: b.type = Type::uint8; break;
      case napi_uint16_array: b.type = Type::uint16; break;
      case napi_int32_array: b.type = Type::int32; break;
      default: return number(env, static_cast<int>(Status::wrong_type));
    }
  }
  const Kernel f = current_set()->kernels[kernel];
  const double start = now();
  const Status status = checks_addresses ? run_checked(env, f, call, args + 2) : f(call);
  seconds_in_kernels += now() - start;
  return number(env, static_cast<int>(status));
}

// Whether the host allows ArrayBuffers over memory of this addon. Only their pages can be moved and dropped.
bool own_memory = true;

// reserve(pages): returns an ArrayBuffer of that many pages, not yet backed by memory; null when there is no room
napi_value reserve_buffer(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arg;
  CHECK(napi_get_cb_info(env, info, &count, &arg, nullptr, nullptr));
  double pages = 0;
  CHECK(napi_get_value_double(env, arg, &pages));
  const size_t bytes = pages > 0 && pages <= 524288 ? static_cast<size_t>(pages) * page_bytes : 0;
  napi_value result = nullptr;
  void* memory = bytes > 0 ? reserve(bytes) : nullptr;
  if (memory == nullptr) {
    CHECK(napi_get_null(env, &result));
    return result;
  }
  const napi_status status = napi_create_external_arraybuffer(
      env, memory, bytes,
      [](napi_env, void* data, void* size) { unreserve(data, reinterpret_cast<size_t>(size)); },
      reinterpret_cast<void*>(bytes), &result);
  if (status != napi_ok) {
    // Electron forbids external memory. An ordinary ArrayBuffer works, but is unaligned and slower.
    unreserve(memory, bytes);
    CHECK(napi_create_arraybuffer(env, bytes, &memory, &result));
    own_memory = false;
  }
  return result;
}

// The address of a page, from two arguments: an ArrayBuffer and the page's index. Null when it is out of range.
napi_status page_of(napi_env env, const napi_value* args, void** page) {
  void* memory = nullptr;
  size_t bytes = 0;
  uint32_t index = 0;
  napi_status status = napi_get_arraybuffer_info(env, args[0], &memory, &bytes);
  if (status == napi_ok) status = napi_get_value_uint32(env, args[1], &index);
  *page = index < bytes / page_bytes ? static_cast<char*>(memory) + index * page_bytes : nullptr;
  return status;
}

napi_value boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

// movePage(buffer, page, fromBuffer, fromPage): moves the memory of the second page to the first; returns whether it did
napi_value move_page_of(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4];
  CHECK(napi_get_cb_info(env, info, &count, args, nullptr, nullptr));
  void *to, *from;
  CHECK(page_of(env, args, &to));
  CHECK(page_of(env, args + 2, &from));
  if (!own_memory || to == nullptr || from == nullptr || to == from) return boolean(env, false);
  const Moved moved = move_page(to, from);
  if (moved == Moved::lost) napi_throw_error(env, nullptr, "backend-native: the system has lost a page of tensors");
  return boolean(env, moved == Moved::yes);
}

// dropPage(buffer, page): returns the memory of the page to the system; returns whether it did
napi_value drop_page_of(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  CHECK(napi_get_cb_info(env, info, &count, args, nullptr, nullptr));
  void* page;
  CHECK(page_of(env, args, &page));
  return boolean(env, own_memory && page != nullptr && drop_page(page));
}

// threads(count?, cores?): sets the number of threads if passed; returns the number in use
napi_value threads(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  CHECK(napi_get_cb_info(env, info, &count, args, nullptr, nullptr));
  if (count == 2) {
    int32_t requested = 1, cores = 1;
    CHECK(napi_get_value_int32(env, args[0], &requested));
    CHECK(napi_get_value_int32(env, args[1], &cores));
    set_thread_count(requested, cores);
  }
  return number(env, thread_count());
}

// instructionSet(name?): selects a set if passed; returns the name in use, or null when this machine lacks it
napi_value instruction_set(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arg;
  CHECK(napi_get_cb_info(env, info, &count, &arg, nullptr, nullptr));
  if (count > 0) {
    char name[32] = {};
    size_t length = 0;
    CHECK(napi_get_value_string_utf8(env, arg, name, sizeof name, &length));
    if (!select(name)) {
      napi_value none;
      CHECK(napi_get_null(env, &none));
      return none;
    }
  }
  return string(env, current_set()->name);
}

// Whether the instruction set in use multiplies bfloat16 on this machine.
napi_value has_bfloat16(napi_env env, napi_callback_info) {
  return boolean(env, current_set()->bfloat16());
}

// Whether the instruction set in use has a matrix unit, or emulates one.
napi_value has_matrix_unit(napi_env env, napi_callback_info) { return boolean(env, current_set()->matrix_unit); }

napi_value scratch_size(napi_env env, napi_callback_info) { return number(env, static_cast<double>(scratch_bytes())); }

napi_value kernel_seconds(napi_env env, napi_callback_info) { return number(env, seconds_in_kernels); }

// trace(on): whether kernels report their paths
napi_value trace(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arg;
  CHECK(napi_get_cb_info(env, info, &count, &arg, nullptr, nullptr));
  CHECK(napi_get_value_bool(env, arg, &tracing));
  const Traced* entries;
  take_traced(&entries);
  return nullptr;
}

// traced(): what kernels reported since the last call, [text, operations, lists, seconds, text, ...]; a step has no operations,
// a reason has operations below 0
napi_value traced(napi_env env, napi_callback_info) {
  const Traced* entries;
  const int count = take_traced(&entries);
  napi_value result;
  CHECK(napi_create_array(env, &result));
  for (int i = 0; i < count; i++) {
    CHECK(napi_set_element(env, result, 4 * i, string(env, entries[i].text)));
    CHECK(napi_set_element(env, result, 4 * i + 1, number(env, entries[i].operations)));
    CHECK(napi_set_element(env, result, 4 * i + 2, number(env, entries[i].lists)));
    CHECK(napi_set_element(env, result, 4 * i + 3, number(env, entries[i].seconds)));
  }
  return result;
}

napi_value init(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    napi_callback f;
  } functions[] = {{"run", run},
                   {"reserve", reserve_buffer},
                   {"movePage", move_page_of},
                   {"dropPage", drop_page_of},
                   {"threads", threads},
                   {"instructionSet", instruction_set},
                   {"bfloat16", has_bfloat16},
                   {"matrixUnit", has_matrix_unit},
                   {"scratchBytes", scratch_size},
                   {"kernelSeconds", kernel_seconds},
                   {"trace", trace},
                   {"traced", traced}};
  for (auto& f : functions) {
    napi_value value;
    CHECK(napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.f, nullptr, &value));
    CHECK(napi_set_named_property(env, exports, f.name, value));
  }
  napi_value kernels, sets, statuses;
  CHECK(napi_set_named_property(env, exports, "pageBytes", number(env, page_bytes)));
  CHECK(napi_create_array(env, &kernels));
  const char* names[] = {
#define K(name) #name,
      SEW_KERNELS(K)
#undef K
  };
  for (uint32_t i = 0; i < static_cast<uint32_t>(KernelId::count); i++)
    CHECK(napi_set_element(env, kernels, i, string(env, names[i])));
  CHECK(napi_set_named_property(env, exports, "kernels", kernels));
  CHECK(napi_create_array(env, &sets));
  for (uint32_t i = 0; supported_sets()[i] != nullptr; i++)
    CHECK(napi_set_element(env, sets, i, string(env, supported_sets()[i]->name)));
  CHECK(napi_set_named_property(env, exports, "instructionSets", sets));
  CHECK(napi_create_array(env, &statuses));
  for (uint32_t i = 0; i < static_cast<uint32_t>(Status::count); i++)
    CHECK(napi_set_element(env, statuses, i, string(env, text(static_cast<Status>(i)))));
  CHECK(napi_set_named_property(env, exports, "statuses", statuses));
  CHECK(napi_set_named_property(env, exports, "notFinite", number(env, static_cast<int>(Status::not_finite))));
  return exports;
}

}  // namespace

NAPI_MODULE(sew, init)
