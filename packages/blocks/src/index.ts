export type { BlockFactory, BlockOptions } from "./block.js";
export { add, and, type Connect, iand } from "./connect.js";
export { plainBlock } from "./plainBlock.js";
export { sew, sewBlock } from "./sewBlock.js";
export { spikingBlock } from "./spikingBlock.js";
