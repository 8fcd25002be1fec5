import type { BlockFactory } from "./block.js";
import { add, and, iand } from "./connect.js";
import { plainBlock } from "./plainBlock.js";
import { rbaBlock, sew } from "./sewBlock.js";
import { annBlock, spikingBlock } from "./spikingBlock.js";

/**
 * Every block by its name in the notation of networks; command lines, tests and reports read this record, too.
 *
 * @example
 * blocks["SEW ADD"]({ channels: 4, neurons: neurons(lif) }).forward(ones([2, 1, 8, 8, 4]), evaluation).shape; // [2, 1, 8, 8, 4]
 */
export const blocks = {
  /** Eq. 9 with g = ADD. */
  "SEW ADD": sew(add),
  /** Eq. 9 with g = AND. */
  "SEW AND": sew(and),
  /** Eq. 9 with g = IAND. */
  "SEW IAND": sew(iand),
  /** Eq. 7. */
  Spiking: spikingBlock,
  /** No shortcut. */
  Plain: plainBlock,
  /** Eq. 6, with ReLU for neurons. */
  ANN: annBlock,
  /** Eq. 10, with ReLU for neurons. */
  RBA: rbaBlock,
} as const satisfies Record<string, BlockFactory>;

export * from "./block.js";
export * from "./connect.js";
export * from "./plainBlock.js";
export * from "./sewBlock.js";
export * from "./spikingBlock.js";
