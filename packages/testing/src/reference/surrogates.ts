/** @file The cases of surrogates.json. */
import { atan, rectangular, type Spike, sigmoid, spike } from "@sew/surrogates";
import { abs, mul, relu, sub, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { difference, read } from "../close.js";
import { type ReferenceCase, report } from "./case.js";

/** A case of surrogates.json. */
export interface SurrogateCase {
  readonly surrogate: string;
  readonly alpha: number;
  readonly x: readonly number[];
  readonly spike: readonly number[];
  readonly derivative: readonly number[];
}

/** The peer's surrogates by its names. Its rect has the height α and the width 1/α. */
const surrogates: Readonly<Record<string, (alpha: number) => Spike>> = {
  atan: (alpha) => atan({ alpha }),
  sigmoid: (alpha) => sigmoid({ alpha }),
  rect: (alpha) => rectangular({ a: 1 / alpha }),
  piecewiseQuadratic: (alpha) => spike((u) => relu(sub(alpha, mul(alpha * alpha, abs(u))))),
};

/** The spike function that a case names. */
export function referenceSpike(name: string, alpha: number): Spike {
  const make = surrogates[name];
  if (make === undefined)
    throw new RangeError(`referenceSpike: name must be one of ${Object.keys(surrogates)}, got ${name}`);
  return make(alpha);
}

/** The case as something to run. */
export function surrogateCase(c: SurrogateCase): ReferenceCase {
  return {
    name: `${c.surrogate}, α = ${c.alpha}`,
    run: () =>
      tidy(() => {
        const s = referenceSpike(c.surrogate, c.alpha);
        // The peer's x at the edge of rect was a rounding error inside it, and is stored with 9 digits: on the edge.
        const edge = c.surrogate === "rect" ? 0.5 / c.alpha : Number.NaN;
        const x = tensor1d(c.x.map((u) => (Math.abs(u) === edge ? u * (1 - 1e-6) : u)));
        return report([
          ["spike", difference(read(s(x)), c.spike)],
          ["derivative", difference(read(s.slope(x)), c.derivative, { relative: 1e-5, absolute: 5e-7 })],
        ]);
      }),
  };
}
