/** @file The cases of surrogates.json. */

import { difference, read } from "@sew/kernels/testing";
import { constant, piecewiseExponential, rectangular, type Spike, surrogates } from "@sew/surrogates";
import { tensor1d, tidy } from "@tensorflow/tfjs-core";
import { type ReferenceCase, report } from "./case.js";
import { lookUp } from "./names.js";

/** A case of surrogates.json. */
export interface SurrogateCase {
  readonly surrogate: string;
  /** The one parameter of the surrogate. @defaultValue that of the surrogate */
  readonly alpha?: number | null | undefined;
  readonly x: readonly number[];
  readonly spike: readonly number[];
  readonly derivative: readonly number[];
  /** σ(x), where the peer has it. For its rect it gives the step itself instead. */
  readonly primitive?: readonly number[] | null | undefined;
}

/** A surrogate of the height α and the width 1/α, as the peer's rect is. */
const window = ({ alpha = 1 }: { readonly alpha?: number }): Spike => rectangular({ a: 1 / alpha });

type MakeSpike = (options: { readonly alpha?: number }) => Spike;

/** Every surrogate by its name, with α for the one parameter that it has under another name; and the peer's names. */
const spikes: Readonly<Record<string, MakeSpike>> = {
  ...(surrogates as Readonly<Record<string, MakeSpike>>),
  rectangular: window,
  rect: window,
  constant: ({ alpha }) => (alpha === undefined ? constant() : constant({ value: alpha })),
  piecewiseExp: piecewiseExponential,
};

/** The spike function that a case names, in any spelling of the name; with its default parameter unless `alpha` is given. */
export function referenceSpike(name: string, alpha?: number | null): Spike {
  return lookUp("referenceSpike: name", spikes, name)(typeof alpha === "number" ? { alpha } : {});
}

/** The case as something to run. */
export function surrogateCase(c: SurrogateCase): ReferenceCase {
  return {
    name: `${c.surrogate}, α = ${c.alpha ?? "default"}`,
    run: () =>
      tidy(() => {
        const s = referenceSpike(c.surrogate, c.alpha);
        // On the edge of a window the peer's x was a rounding error to one side, and is stored with 9 digits.
        const slopes = read(s.slope(tensor1d([...c.x])));
        const inside = (i: number) => slopes[i] === 0 && c.derivative[i] !== 0;
        const x = tensor1d(c.x.map((u, i) => (inside(i) ? u * (1 - 1e-6) : u)));
        const σ = c.primitive?.every((value, i) => value === c.spike[i]) ? undefined : (c.primitive ?? undefined);
        return report([
          ["spike", difference(read(s(x)), c.spike)],
          ["derivative", difference(read(s.slope(x)), c.derivative, { relative: 1e-5, absolute: 5e-7 })],
          ["primitive", σ && difference(read(s.primitive!(x)), σ, { relative: 1e-5, absolute: 1e-6 })],
        ]);
      }),
  };
}
