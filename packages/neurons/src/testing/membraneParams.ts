/** @file Membranes, as properties draw them. */
import { float32 } from "@sew/kernels/testing";
import * as fc from "fast-check";
import type { MembraneParams, Parameter } from "../index.js";

/** Parameters of a neuron that are numbers, not tensors. */
export type Numeric<P> = { readonly [K in keyof P]: P[K] extends Parameter ? number : P[K] };

/** Thresholds, resets of both kinds, and both ways of the gradient through them. */
export const membraneParams: fc.Arbitrary<Numeric<MembraneParams>> = fc.record({
  vThreshold: float32(-2, 2),
  vReset: float32(-2, 2),
  reset: fc.constantFrom("hard", "soft"),
  detachReset: fc.boolean(),
});

/** Membranes at rest below their threshold. */
export const restingMembranes: fc.Arbitrary<Numeric<MembraneParams>> = fc.record({
  vThreshold: float32(0.25, 2),
  vReset: fc.oneof(fc.constant(0), float32(-1, 0.125)),
  reset: fc.constantFrom("hard", "soft"),
  detachReset: fc.boolean(),
});
