import { hasKernel, multiStepNeuronKernel, type RecognisedSlope } from "@sew/kernels";
import { difference, read } from "@sew/kernels/testing";
import { integrateAndFire, lif, type Neuron, neuron, plif, unroll } from "@sew/neurons";
import { composed } from "@sew/neurons/testing";
import {
  atan,
  constant,
  erf,
  piecewiseExponential,
  piecewiseQuadratic,
  rectangular,
  type Spike,
  scaledAtan,
  sigmoid,
  softSign,
  superSpike,
} from "@sew/surrogates";
import { add, grads, mul, scalar, setBackend, sum, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { about, edgeSizes, floats, seeds } from "./values.js";

/** Neurons of a weight w, which IF and LIF do not have. */
const models: Readonly<Record<string, (params: object, spike: Spike, w: Tensor) => Neuron<"v">>> = {
  IF: (params, spike) => neuron(integrateAndFire, params, spike),
  LIF: (params, spike) => neuron(lif, { ...params, tau: 3 }, spike),
  PLIF: (params, spike, w) => neuron(plif, { ...params, w }, spike),
  "LIF of whole inputs": (params, spike) => neuron(lif, { ...params, tau: 3, decayInput: false }, spike),
  "PLIF of whole inputs": (params, spike, w) => neuron(plif, { ...params, w, decayInput: false }, spike),
};

const surrogates: Readonly<Record<RecognisedSlope["kind"], Spike>> = {
  atan: atan(),
  sigmoid: sigmoid(),
  rectangular: rectangular({ a: 0.9 }),
  constant: constant({ value: 0.6 }),
  scaledAtan: scaledAtan(),
  piecewiseQuadratic: piecewiseQuadratic({ alpha: 0.7 }),
  piecewiseExponential: piecewiseExponential({ alpha: 1.5 }),
  softSign: softSign(),
  superSpike: superSpike({ alpha: 1.2 }),
  erf: erf(),
};

const slopes = Object.keys(surrogates) as RecognisedSlope["kind"][];

/** All models with one slope, and one model with all slopes: the kernel works them out in a pass that knows no model. */
const combinations = Object.keys(models).flatMap((model) =>
  (["hard", "soft"] as const).flatMap((reset) =>
    [true, false].flatMap((detachReset) =>
      slopes
        .filter((surrogate) => surrogate === "atan" || model === "LIF")
        .map((surrogate) => ({ model, reset, detachReset, surrogate })),
    ),
  ),
);

/** Steps, and neurons about the width of vectors and the 1024 of a task, in one axis or several. */
const shapes: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 20 }), edgeSizes).map(([steps, n]) => [steps, n]),
  fc.tuple(fc.integer({ min: 1, max: 4 }), about(1024, 2048)).map(([steps, n]) => [steps, n]),
  fc.constantFrom([3, 2, 4, 4, 3], [1, 1], [20, 1]),
);

const drawn = fc.record({
  shape: shapes,
  seed: seeds,
  // Halves and thirds of integers bring potentials onto the threshold; the others come near it.
  kind: fc.constantFrom("reals" as const, "integers" as const),
  vThreshold: fc.constantFrom(1, 0.5, 0.3),
  vReset: fc.constantFrom(0, -0.5, 0.1),
  w: fc.constantFrom(0, -1, 2.5),
});

interface Outcome {
  readonly fused: boolean;
  readonly spikes: number[];
  readonly last: number[];
  readonly gradients: number[][];
}

/** A sequence's spikes, its last potential, and the gradients of x, v and w of a loss that weighs both. */
function outcome(make: (w: Tensor) => Neuron<"v">, [x, v, w, dSpikes, dV]: readonly Tensor[]): Outcome {
  let fused = false;
  return tidy(() => {
    const { spikes, state } = unroll(make(w!), x!, { v: v! });
    const all = grads((...[a, b, c]) => {
      const step = make(c!);
      fused = hasKernel(multiStepNeuronKernel, { formula: step });
      const out = unroll(step, a!, { v: b! });
      // Nothing but PLIF depends on w; this keeps a path to it.
      return add(add(sum(mul(out.spikes, dSpikes!)), sum(mul(out.state.v, dV!))), mul(sum(c!), 0));
    })([x!, v!, w!]);
    return { fused, spikes: read(spikes), last: read(state.v), gradients: all.map(read) };
  });
}

describeNative("the fused neurons", () => {
  describe.each(combinations)(
    "$model, $reset reset, detached $detachReset, $surrogate",
    ({ model, reset, detachReset, surrogate }) => {
      it("fire exactly as the composed operations on the cpu backend do, and have their gradients", () =>
        fc.assert(
          fc.asyncProperty(drawn, async ({ shape, seed, kind, vThreshold, vReset, w }) => {
            const make = (weight: Tensor) =>
              models[model]!({ reset, detachReset, vThreshold, vReset }, surrogates[surrogate], weight);
            const values = (i: number, of: readonly number[]) => {
              const { data } = floats(of, seed + i, kind);
              return tensor(
                Float32Array.from(data, (u) => (kind === "integers" ? u / 2 : u)),
                [...of],
              );
            };
            const inputs = () => [
              ...[values(0, shape), values(1, shape.slice(1)), scalar(w)],
              ...[values(2, shape), values(3, shape.slice(1))],
            ];
            const on = async (name: "native" | "cpu", fuse: boolean) => {
              await setBackend(name);
              const own = inputs();
              const found = outcome(fuse ? make : (c) => composed(make(c)), own);
              for (const t of own) t.dispose();
              return found;
            };
            const expected = await on("cpu", false);
            const found = await on("native", true);
            expect([found.fused, expected.fused]).toEqual([true, false]);
            expect(found.spikes).toEqual(expected.spikes);
            expect(found.last).toEqual(expected.last);
            for (const [i, gradient] of found.gradients.entries()) {
              const e = expected.gradients[i]!;
              // T steps of some ten roundings each. w's gradient is a sum over all neurons and steps of x's times
              // X - V + V_reset, which is below 8 here.
              const [most, all] = [Math.max(1, ...e.map(Math.abs)), expected.gradients[0]!.map(Math.abs)];
              const magnitude = i === 2 ? 8 * all.reduce((a, b) => a + b, 1) : most;
              const error = 10 * shape[0]! * 2 ** -24 * magnitude;
              expect(difference(gradient, e, { relative: 0, absolute: error })).toBeUndefined();
            }
          }),
          { numRuns: 12 },
        ));
    },
  );
});
