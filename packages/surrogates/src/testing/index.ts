/** @file What the tests of surrogates share. Needs vitest and fast-check. */
export { describeSurrogate } from "./describeSurrogate.js";
export { spikes } from "./spikes.js";
