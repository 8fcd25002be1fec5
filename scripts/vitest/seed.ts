/**
 * @file What vitest runs before every test file: in CI, properties draw from a fixed seed.
 *
 * Elsewhere each run draws a new seed; fast-check prints the seed and the path of what failed, to run it again with
 * `fc.assert(property, { seed, path })`.
 */
import * as fc from "fast-check";

if (process.env.CI !== undefined && process.env.CI !== "false") fc.configureGlobal({ seed: 210_204_159 });
