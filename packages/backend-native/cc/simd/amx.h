// The matrix unit of Intel's AMX: eight tiles of 16 rows of 64 bytes. The instructions are written out, so that every
// compiler and option accepts them; the assembler must know them. emulatedTiles.h says what each of them computes.
#pragma once
#include "tileConfig.h"

// A thread has a configuration of its own: load one in each task. Its release empties the tiles, which the system would
// save with the thread otherwise.
class MatrixUnit {
 public:
  explicit MatrixUnit(const TileConfig& config) { __asm__ volatile("ldtilecfg %0" : : "m"(config)); }
  ~MatrixUnit() { __asm__ volatile("tilerelease"); }
  MatrixUnit(const MatrixUnit&) = delete;
  MatrixUnit& operator=(const MatrixUnit&) = delete;

  template <int T>
  void zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  template <int T>
  void load(const void* from, long row) {
    __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(T), "r"(from), "r"(row) : "memory");
  }
  template <int T>
  void store(void* to, long row) {
    __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(T), "r"(to), "r"(row) : "memory");
  }
  template <int C, int A, int B>
  void add_bfloat16() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
};
