/** @file What the tests of modules share. Needs vitest and fast-check. */
export { describeModule, type ModuleUnderTest, spikesOfShape } from "./describeModule.js";
export { expectRecomputes } from "./expectRecomputes.js";
export { neuronLayers } from "./neuronLayers.js";
export { staysFinite } from "./staysFinite.js";
