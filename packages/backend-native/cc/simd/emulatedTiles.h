// A matrix unit in plain C++, bit for bit as Intel's manual defines AMX (Software Developer's Manual, volume 2:
// TILELOADD, TDPBF16PS). Every machine can test with it what runs on the unit where there is one.
#pragma once
#include "tileConfig.h"

class MatrixUnit {
 public:
  explicit MatrixUnit(const TileConfig& config) : config_(config) { memset(tiles_, 0, sizeof tiles_); }
  MatrixUnit(const MatrixUnit&) = delete;
  MatrixUnit& operator=(const MatrixUnit&) = delete;

  template <int T>
  void zero() {
    memset(tiles_[T], 0, sizeof tiles_[T]);
  }
  // Rows and bytes that the configuration leaves out become 0.
  template <int T>
  void load(const void* from, long row) {
    zero<T>();
    for (int i = 0; i < config_.rows[T]; i++)
      memcpy(tiles_[T][i], static_cast<const char*>(from) + i * row, config_.columns_bytes[T]);
  }
  template <int T>
  void store(void* to, long row) {
    for (int i = 0; i < config_.rows[T]; i++)
      memcpy(static_cast<char*>(to) + i * row, tiles_[T][i], config_.columns_bytes[T]);
  }

  template <int C, int A, int B>
  void add_bfloat16() {
    add(C, A, B);
  }

 private:
  // C[m][n] += sum over k of A[m][k].first * B[k][n].first + A[m][k].second * B[k][n].second, in pairs of bfloat16. The first
  // and the second products have sums of their own, by fused multiply-adds from 0; their sum is added to C.
  __attribute__((noinline)) void add(int c, int a, int b) {
    const int columns = config_.columns_bytes[c] / 4, pairs = config_.columns_bytes[a] / 4;
    float factors[tile_height][2][tile_height];
    for (int k = 0; k < pairs; k++)
      for (int n = 0; n < columns; n++)
        for (int i = 0; i < 2; i++) factors[k][i][n] = bfloat16(tiles_[b][k] + 4 * n + 2 * i);
    for (int m = 0; m < config_.rows[c]; m++) {
      float sums[2][tile_height] = {}, row[tile_height];
      for (int k = 0; k < pairs; k++)
        for (int i = 0; i < 2; i++) {
          const double factor = static_cast<double>(bfloat16(tiles_[a][m] + 4 * k + 2 * i));
          for (int n = 0; n < columns; n++)
            sums[i][n] = rounded(factor * static_cast<double>(factors[k][i][n]) + static_cast<double>(sums[i][n]));
        }
      memcpy(row, tiles_[c][m], sizeof row);
      for (int n = 0; n < columns; n++) {
        const float sum = rounded(static_cast<double>(sums[0][n]) + static_cast<double>(sums[1][n]));
        row[n] = rounded(static_cast<double>(flushed(row[n])) + static_cast<double>(sum));
      }
      memset(tiles_[c][m], 0, tile_bytes);
      memcpy(tiles_[c][m], row, columns * sizeof(float));
    }
    for (int m = config_.rows[c]; m < tile_height; m++) memset(tiles_[c][m], 0, tile_bytes);
  }

  // Numbers below the normal ones are read as 0.
  static float flushed(float v) { return fabsf(v) < 0x1p-126f ? v * 0.0f : v; }

  static float bfloat16(const uint8_t* from) {
    uint16_t half;
    memcpy(&half, from, sizeof half);
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    float v;
    memcpy(&v, &bits, sizeof v);
    return flushed(v);
  }

  // To float32, ties to even, and results below the normal numbers to 0. Products of bfloat16 are exact in float64, and their
  // sum with a float32 rounds to float32 as the exact one does: where it has more than 53 bits, one of the two is too
  // small to matter. What rounds up to the least normal number is not flushed.
  static float rounded(double v) {
    const float nearest = static_cast<float>(v);
    return fabs(v) < 0x1p-126 - 0x1p-151 ? nearest * 0.0f : nearest;
  }

  const TileConfig config_;
  alignas(64) uint8_t tiles_[tile_count][tile_height][tile_bytes];
};
