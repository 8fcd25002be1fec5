/**
 * @file What vitest runs before every test file: gradients and the CPU backend registered, and a fixed seed in CI.
 *
 * Elsewhere each run draws a new seed; fast-check prints the seed and the path of what failed, to run it again with
 * `fc.assert(property, { seed, path })`.
 */
import "@tensorflow/tfjs";
import { env, ready, setBackend, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";

if (process.env.CI !== undefined && process.env.CI !== "false") fc.configureGlobal({ seed: 210_204_159 });
await setBackend("cpu");
await ready();
// The CPU backend greets its first tensor with an advertisement, except in what it takes for its own tests.
env().set("IS_TEST", true);
tensor1d([0]).dispose();
env().set("IS_TEST", false);
