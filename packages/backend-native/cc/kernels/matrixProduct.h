// One product of tiles: what an instruction of the matrix unit computes, to compare the emulation with its definition, and
// with the unit where there is one.
#pragma once
#include "../lib/arguments.h"

// Rows of A, pairs of bfloat16 in each, columns of B; a [16][64], b [16][64], sums [16][16] in place
SEW_KERNEL(matrixProduct) {
  Arguments args(call);
  const long rows = args.integer(1, tile_height), pairs = args.integer(1, tile_height);
  const long columns = args.integer(1, tile_height);
  const uint8_t *a = args.bytes(tile_height * tile_bytes), *b = args.bytes(tile_height * tile_bytes);
  float* sums = args.floats(tile_height * tile_height);
  if (args.status != Status::ok) return args.status;
  TileConfig config = whole_tiles();
  config.rows[0] = config.rows[1] = static_cast<uint8_t>(rows);
  config.rows[2] = static_cast<uint8_t>(pairs);
  config.columns_bytes[1] = static_cast<uint16_t>(4 * pairs);
  config.columns_bytes[0] = config.columns_bytes[2] = static_cast<uint16_t>(4 * columns);
  MatrixUnit unit(config);
  unit.load<0>(sums, tile_bytes);
  unit.load<1>(a, tile_bytes);
  unit.load<2>(b, tile_bytes);
  unit.add_bfloat16<0, 1, 2>();
  unit.store<0>(sums, tile_bytes);
  return Status::ok;
}
