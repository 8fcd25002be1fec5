export type { BlockFactory, BlockOptions } from "./block.js";
export { add, and, type Connect, iand } from "./connect.js";
export { identityShift } from "./identityShift.js";
export { plainBlock } from "./plainBlock.js";
export { rbaBlock, sew, sewBlock } from "./sewBlock.js";
export { annBlock, spikingBlock } from "./spikingBlock.js";
