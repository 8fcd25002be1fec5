// One product of tiles: what the instructions of a matrix unit compute, for tests of the emulation and of the unit.
#pragma once
#include "../lib/arguments.h"

// 1 for bytes, rows of A and C, bytes of a row of A, and of B and C; a [16][64], b [16][64], sums [16][16] in place, as
// float32 or int32
SEW_KERNEL(matrixProduct) {
  Arguments args(call);
  const bool bytes = args.number() != 0;
  TileConfig config = whole_tiles();
  const long rows = args.integer(1, tile_height), depth = args.integer(1, tile_height), columns = args.integer(1, tile_height);
  config.rows[0] = config.rows[1] = static_cast<uint8_t>(rows);
  config.rows[2] = static_cast<uint8_t>(depth);
  config.columns_bytes[1] = static_cast<uint16_t>(4 * depth);
  config.columns_bytes[0] = config.columns_bytes[2] = static_cast<uint16_t>(4 * columns);
  const uint8_t *a = args.bytes(tile_height * tile_bytes), *b = args.bytes(tile_height * tile_bytes);
  constexpr long sums = tile_height * tile_height;
  void* c = bytes ? static_cast<void*>(args.ints(sums)) : args.floats(sums);
  if (args.status != Status::ok) return args.status;
  MatrixUnit unit(config);
  unit.load<0>(c, tile_bytes);
  unit.load<1>(a, tile_bytes);
  unit.load<2>(b, tile_bytes);
  if (bytes)
    unit.add_bytes<0, 1, 2>();
  else
    unit.add_bfloat16<0, 1, 2>();
  unit.store<0>(c, tile_bytes);
  return Status::ok;
}
