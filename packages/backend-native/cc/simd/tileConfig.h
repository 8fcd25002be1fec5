// The rows, and bytes of a row, of each tile of a matrix unit, as the instruction ldtilecfg reads them.
#pragma once

constexpr int tile_count = 8;
constexpr long tile_bytes = 64;   // of a whole row
constexpr long tile_height = 16;  // rows of a whole tile

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t columns_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64, "the processor reads 64 bytes");

// All tiles whole.
inline TileConfig whole_tiles() {
  TileConfig config;
  for (int t = 0; t < tile_count; t++) config.columns_bytes[t] = tile_bytes, config.rows[t] = tile_height;
  return config;
}
