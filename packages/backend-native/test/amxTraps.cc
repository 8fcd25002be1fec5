// AMX where the processor has none: its instructions raise SIGILL, whose handler computes them and steps over. So the addon's
// own machine code runs, unchanged. All of it is from the pseudo-code of Intel's Software Developer's Manual, volume 2, and
// nothing from cc/simd/emulatedTiles.h, which it tests. Where the processor would raise a fault, so does the handler: the
// process ends by SIGSEGV (#GP) or SIGILL (#UD), and says why.
//
// A shared library for Linux on x86-64 with AVX-512. Node loads it with process.dlopen() before the addon; see amxTraps.test.ts.
#include <dlfcn.h>
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>

namespace {

constexpr int max_names = 8, max_rows = 16, bytes_per_row = 64;  // of palette 1

// The state of a thread.
struct Tiles {
  bool configured;
  uint8_t start_row, rows[max_names];
  uint16_t colsb[max_names];
  alignas(64) uint8_t data[max_names][max_rows][bytes_per_row];
};

constexpr int max_threads = 64;
Tiles states[max_threads];
std::atomic<int> threads{0};

Tiles& state() {
  static thread_local Tiles* mine __attribute__((tls_model("initial-exec"))) = nullptr;
  if (mine == nullptr) mine = &states[threads++];
  return *mine;
}

void say(const char* what) {
  (void)!write(2, what, strlen(what));
  (void)!write(2, "\n", 1);
}

// Ends the process by the signal: once its disposition is the default, the instruction that returns to raises SIGILL again.
bool undefined(const char* why) {
  say(why);
  signal(SIGILL, SIG_DFL);
  return false;
}
bool protection(const char* why) {
  say(why);
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
  return false;
}

bool any(const uint8_t* from, int count) {
  for (int i = 0; i < count; i++)
    if (from[i] != 0) return true;
  return false;
}

bool ldtilecfg(Tiles& t, const uint8_t* buf) {
  Tiles next = {};
  const int palette = buf[0];
  if (palette > 1) return protection("LDTILECFG: #GP, palette");
  if (palette == 1) {
    next.configured = true;
    next.start_row = buf[1];
    if (any(buf + 2, 14)) return protection("LDTILECFG: #GP, reserved bytes");
    memcpy(next.colsb, buf + 16, sizeof next.colsb);
    if (any(buf + 32, 16)) return protection("LDTILECFG: #GP, colsb of a ninth tile");
    memcpy(next.rows, buf + 48, sizeof next.rows);
    if (any(buf + 56, 8)) return protection("LDTILECFG: #GP, rows of a ninth tile");
    for (int i = 0; i < max_names; i++) {
      if (next.colsb[i] > bytes_per_row) return protection("LDTILECFG: #GP, colsb over the limit");
      if (next.rows[i] > max_rows) return protection("LDTILECFG: #GP, rows over the limit");
      if ((next.rows[i] == 0) != (next.colsb[i] == 0)) return protection("LDTILECFG: #GP, rows without colsb");
    }
  }
  t = next;
  return true;
}

bool is_valid(const Tiles& t, int tile) { return t.configured && tile < max_names && t.rows[tile] != 0; }

bool tilezero(Tiles& t, int tile) {
  if (!is_valid(t, tile)) return undefined("TILEZERO: #UD, the tile is not configured");
  memset(t.data[tile], 0, sizeof t.data[tile]);
  t.start_row = 0;
  return true;
}

bool tileloadd(Tiles& t, int tile, const uint8_t* from, int64_t stride) {
  if (!is_valid(t, tile)) return undefined("TILELOADD: #UD, the tile is not configured");
  for (int row = t.start_row; row < t.rows[tile]; row++) {
    memset(t.data[tile][row], 0, bytes_per_row);
    memcpy(t.data[tile][row], from + row * stride, t.colsb[tile]);
  }
  for (int row = t.rows[tile]; row < max_rows; row++) memset(t.data[tile][row], 0, bytes_per_row);
  t.start_row = 0;
  return true;
}

bool tilestored(Tiles& t, int tile, uint8_t* to, int64_t stride) {
  if (!is_valid(t, tile)) return undefined("TILESTORED: #UD, the tile is not configured");
  for (int row = t.start_row; row < t.rows[tile]; row++) memcpy(to + row * stride, t.data[tile][row], t.colsb[tile]);
  t.start_row = 0;
  return true;
}

// By the processor's fused multiply-adds, with numbers below the normal ones as 0, of inputs and results.
__attribute__((noinline)) void multiply(Tiles& t, int c, int a, int b) {
  const auto top = [](__m512i v) { return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(-65536))); };
  const auto bottom = [](__m512i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); };
  const __mmask16 columns = static_cast<__mmask16>((1u << t.colsb[c] / 4) - 1);
  for (int m = 0; m < t.rows[c]; m++) {
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    for (int k = 0; k < t.colsb[a] / 4; k++) {
      int pair;
      memcpy(&pair, t.data[a][m] + 4 * k, sizeof pair);
      const __m512i first = _mm512_set1_epi32(pair), second = _mm512_loadu_si512(t.data[b][k]);
      even = _mm512_fmadd_ps(bottom(first), bottom(second), even);
      odd = _mm512_fmadd_ps(top(first), top(second), odd);
    }
    const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(t.data[c][m]), _mm512_add_ps(even, odd));
    _mm512_storeu_ps(t.data[c][m], _mm512_maskz_mov_ps(columns, sum));
  }
  for (int m = t.rows[c]; m < max_rows; m++) memset(t.data[c][m], 0, bytes_per_row);
}

bool tdpbf16ps(Tiles& t, int c, int a, int b) {
  if (!is_valid(t, c) || !is_valid(t, a) || !is_valid(t, b)) return undefined("TDPBF16PS: #UD, a tile is not configured");
  if (c == a || c == b || a == b) return undefined("TDPBF16PS: #UD, a tile twice");
  if (t.colsb[c] % 4 != 0 || t.colsb[a] % 4 != 0 || t.colsb[b] % 4 != 0)
    return undefined("TDPBF16PS: #UD, colsb is no multiple of 4");
  if (t.rows[a] != t.rows[c] || t.colsb[b] != t.colsb[c] || t.colsb[a] / 4 != t.rows[b])
    return undefined("TDPBF16PS: #UD, dimensions disagree");
  constexpr unsigned flush_to_zero = 0x8000, denormals_are_zeros = 0x40, no_exceptions = 0x1f80;
  const unsigned before = _mm_getcsr();
  _mm_setcsr(flush_to_zero | denormals_are_zeros | no_exceptions);
  multiply(t, c, a, b);
  _mm_setcsr(before);
  t.start_row = 0;
  return true;
}

// Decodes and runs the instruction at `at`; false where it is another or has raised a fault. `length` becomes its own.
bool run(const uint8_t* at, const greg_t* registers, long* length) {
  constexpr int numbered[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  const auto value = [&](int number) { return static_cast<int64_t>(registers[numbered[number]]); };
  // VEX of three bytes: c4, R X B inverted and the map 0f38, W 0 and vvvv inverted and L 0 and the prefix.
  if (at[0] != 0xc4 || (at[1] & 0x1f) != 2 || (at[2] & 0x84) != 0) return false;
  const int high_r = (~at[1] >> 7 & 1) * 8, high_x = (~at[1] >> 6 & 1) * 8, high_b = (~at[1] >> 5 & 1) * 8;
  const int vvvv = ~at[2] >> 3 & 15, prefix = at[2] & 3, opcode = at[3], modrm = at[4];
  const int mod = modrm >> 6, reg = (modrm >> 3 & 7) + high_r, rm = modrm & 7;
  enum { none, p66, pf3, pf2 };
  const uint8_t* end = at + 5;
  int64_t address = 0, stride = 0;
  bool has_sib = false;
  if (mod != 3) {
    bool has_base = true;
    int base = rm + high_b;
    if (rm == 4) {
      const int sib = *end++, index = (sib >> 3 & 7) + high_x;
      has_sib = true;
      base = (sib & 7) + high_b;
      has_base = mod != 0 || (sib & 7) != 5;
      if (index != 4) stride = value(index) << (sib >> 6);
    } else {
      has_base = mod != 0 || rm != 5;
    }
    int32_t displacement = 0;
    if (mod == 1) displacement = static_cast<int8_t>(*end++);
    if (mod == 2 || !has_base) memcpy(&displacement, end, sizeof displacement), end += sizeof displacement;
    address = displacement;
    if (has_base) address += value(base);
    else if (!has_sib) address += reinterpret_cast<int64_t>(end);
  }
  *length = end - at;
  uint8_t* memory = reinterpret_cast<uint8_t*>(address);
  Tiles& t = state();
  if (opcode == 0x49 && prefix == none && vvvv == 0 && mod != 3 && reg == 0) return ldtilecfg(t, memory + stride);
  if (opcode == 0x49 && prefix == none && vvvv == 0 && modrm == 0xc0) return t = Tiles{}, true;  // tilerelease
  if (opcode == 0x49 && prefix == pf2 && vvvv == 0 && mod == 3 && rm == 0) return tilezero(t, reg);
  if (opcode == 0x4b && prefix == pf2 && vvvv == 0 && has_sib) return tileloadd(t, reg, memory, stride);
  if (opcode == 0x4b && prefix == pf3 && vvvv == 0 && has_sib) return tilestored(t, reg, memory, stride);
  if (opcode == 0x5c && prefix == pf3 && mod == 3) return tdpbf16ps(t, reg, rm + high_b, vvvv);
  return false;
}

void on_illegal(int, siginfo_t*, void* context) {
  greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const uint8_t* at = reinterpret_cast<const uint8_t*>(registers[REG_RIP]);
  long length = 0;
  if (run(at, registers, &length))
    registers[REG_RIP] += length;
  else
    signal(SIGILL, SIG_DFL);
}

// Multiplies whole tiles, after a change of one byte of their configuration: "byte value".
void try_configuration(const char* change) {
  alignas(64) uint8_t config[64] = {1}, memory[1024] = {};
  for (int i = 0; i < max_names; i++) config[16 + 2 * i] = bytes_per_row, config[48 + i] = max_rows;
  char* value = nullptr;
  const long byte = strtol(change, &value, 10);
  config[byte] = static_cast<uint8_t>(strtol(value, nullptr, 10));
  const long row = bytes_per_row;
  asm volatile("ldtilecfg %0" : : "m"(config));
  asm volatile("tileloadd (%0,%1), %%tmm1" : : "r"(memory), "r"(row) : "memory");
  asm volatile("tilezero %tmm0; tilezero %tmm2; tdpbf16ps %tmm2, %tmm1, %tmm0");
  asm volatile("tilestored %%tmm0, (%0,%1)" : : "r"(memory), "r"(row) : "memory");
  asm volatile("tilerelease");
}

__attribute__((constructor)) void start() {
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, nullptr);
  if (const char* change = getenv("SEW_TEST_TILES")) try_configuration(change);
}

// Kernels leave no thread's tiles configured: the system would save them at each change of threads.
__attribute__((destructor)) void stop() {
  for (const Tiles& t : states)
    if (t.configured) say("a thread has not released its tiles"), _exit(1);
}

}  // namespace

// Loads the addon and puts its instruction set amx first among those that the machine has, whatever its processor says.
// SEW_TEST_ADDON: the addon's path. SEW_TEST_SYMBOLS: the addresses of napi_register_module_v1, supported_sets() and amx_set
// in it, the last two of which are hidden.
extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) {
  void* addon = dlopen(getenv("SEW_TEST_ADDON"), RTLD_LAZY);
  if (addon == nullptr) return say(dlerror()), abort(), nullptr;
  long symbols[3];
  char* text = getenv("SEW_TEST_SYMBOLS");
  for (long& symbol : symbols) symbol = strtol(text, &text, 16);
  char* base = static_cast<char*>(dlsym(addon, "napi_register_module_v1")) - symbols[0];
  const void** sets = reinterpret_cast<const void** (*)()>(base + symbols[1])();
  int count = 0;
  while (sets[count] != nullptr) count++;
  memmove(sets + 1, sets, (count + 1) * sizeof *sets);
  sets[0] = base + symbols[2];
  return exports;
}
