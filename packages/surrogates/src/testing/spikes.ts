/** @file Spike functions of every surrogate, as properties draw them. */
import { float32 } from "@sew/kernels/testing";
import * as fc from "fast-check";
import { type Spike, surrogates } from "../index.js";

/** Parameters around their defaults of the surrogates whose parameter is not a steepness α. */
const spikeParams: Readonly<Record<string, fc.Arbitrary<object>>> = {
  rectangular: float32(0.5, 4).map((a) => ({ a })),
  constant: float32(0.5, 2).map((value) => ({ value })),
};

/** Every surrogate of the record `surrogates`, with parameters around its defaults. */
export const spikes: fc.Arbitrary<Spike> = fc.oneof(
  ...Object.entries<(params?: object) => Spike>(surrogates).map(([name, make]) =>
    (spikeParams[name] ?? float32(0.5, 4).map((alpha) => ({ alpha }))).map(make),
  ),
);
