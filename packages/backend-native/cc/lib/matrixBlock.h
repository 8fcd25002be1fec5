// The one inner loop of the kernels for a matrix unit: 32 x 32 sums in four tiles, of products with two tiles of A, 16 rows
// each, and two of B, 16 columns each.
//
//                    B: | tile 6 | tile 7 |       a step: 32 values along the sum, as pairs of bfloat16
//   A: tile 4   sums:   |   0    |   1    |
//      tile 5           |   2    |   3    |
//
// An operand may be the sum of several parts, see bfloat16Parts.h. A template argument names a product of parts, 10 a + b for part
// a of A and part b of B. Products of small parts are best added first, those of all steps: what they add, and what
// they round, is then small against the sums.
#pragma once
#include "arguments.h"
#include "bfloat16Parts.h"

constexpr long block_size = 32;  // rows and columns of sums
constexpr long block_sums = block_size * block_size;
constexpr long pair_tile = tile_height * tile_bytes;  // bytes of a whole tile

struct MatrixBlock {
  const char* a[2];    // first rows of the two tiles
  long a_row, a_part;  // bytes from a row, and from a part, to the next
  const long* a_step;  // bytes of each step's rows behind the first step's
  const char* b[2];    // tiles in one piece
  long b_step, b_part;
  long steps;
};

template <int Previous, int Product, int... Rest>
inline void add_step(MatrixUnit& unit, const MatrixBlock& m, const char* a, const char* other_a, long b) {
  constexpr int part_a = Product / 10, part_b = Product % 10;
  if constexpr (Previous < 0 || Previous / 10 != part_a) {
    unit.load<4>(a + part_a * m.a_part, m.a_row);
    unit.load<5>(other_a + part_a * m.a_part, m.a_row);
  }
  if constexpr (Previous < 0 || Previous % 10 != part_b) {
    unit.load<6>(m.b[0] + b + part_b * m.b_part, tile_bytes);
    unit.load<7>(m.b[1] + b + part_b * m.b_part, tile_bytes);
  }
  unit.add_bfloat16<0, 4, 6>();
  unit.add_bfloat16<1, 4, 7>();
  unit.add_bfloat16<2, 5, 6>();
  unit.add_bfloat16<3, 5, 7>();
  if constexpr (sizeof...(Rest) > 0) add_step<Product, Rest...>(unit, m, a, other_a, b);
}

// Adds the products of all steps, and calls between() before each.
template <int... Products, class Between>
inline void add_steps(MatrixUnit& unit, const MatrixBlock& m, const Between& between) {
  // A tile that is stored 700 ns or more after the last one takes 280 ns: a store of no use every 64 products avoids it.
  constexpr long awake_steps = 64 / (4 * sizeof...(Products));
  alignas(64) char unused[pair_tile];
  for (long s = 0; s < m.steps; s++) {
    between();
    if (s % awake_steps == awake_steps - 1) unit.store<4>(unused, tile_bytes);
    add_step<-1, Products...>(unit, m, m.a[0] + m.a_step[s], m.a[1] + m.a_step[s], s * m.b_step);
  }
}

inline void zero_sums(MatrixUnit& unit) {
  unit.zero<0>();
  unit.zero<1>();
  unit.zero<2>();
  unit.zero<3>();
}

inline void store_sums(MatrixUnit& unit, float (*sums)[block_size]) {
  constexpr long row = block_size * sizeof(float);
  unit.store<0>(sums[0], row);
  unit.store<1>(sums[0] + tile_height, row);
  unit.store<2>(sums[tile_height], row);
  unit.store<3>(sums[tile_height] + tile_height, row);
}

// What kernels on the matrix unit report of their path.
template <int Parts>
constexpr const char* matrix_path = Parts == 1 ? "matrix unit in bfloat16" : "matrix unit, numbers in three parts of bfloat16";
