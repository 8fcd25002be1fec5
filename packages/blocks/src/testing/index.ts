/** @file What the tests of blocks share. Needs vitest and fast-check. */
export { type BlockUnderTest, describeBlock } from "./describeBlock.js";
