/** @file The cases of neurons.json. */
import { integrateAndFire, lif, type MembraneParams, type Neuron, neuron, plif, unroll } from "@sew/neurons";
import type { Spike } from "@sew/surrogates";
import { grads, mul, scalar, slice, sum, type Tensor, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { difference, read } from "../close.js";
import { type ReferenceCase, report } from "./case.js";
import { referenceSpike } from "./surrogates.js";

/** A case of neurons.json. */
export interface NeuronCase {
  readonly neuron: "IF" | "LIF" | "PLIF";
  readonly tau: number | null;
  readonly vThreshold: number;
  /** `null` is the soft reset. */
  readonly vReset: number | null;
  readonly detachReset: boolean;
  readonly surrogate: string;
  readonly alpha: number;
  readonly T: number;
  readonly N: number;
  readonly x: readonly number[];
  readonly gradOut: readonly number[];
  readonly spikes: readonly number[];
  readonly v: readonly number[];
  readonly gradX: readonly number[];
  readonly w?: number;
  readonly gradW?: number;
}

function make(c: NeuronCase, w: Tensor, spike: Spike): Neuron {
  const { vThreshold, detachReset, tau } = c;
  const membrane: MembraneParams = {
    vThreshold,
    detachReset,
    vReset: c.vReset ?? 0,
    reset: c.vReset === null ? "soft" : "hard",
  };
  switch (c.neuron) {
    case "IF":
      return neuron(integrateAndFire, membrane, spike);
    case "LIF":
      return neuron(lif, { ...membrane, tau: tau! }, spike);
    case "PLIF":
      return neuron(plif, { ...membrane, w }, spike);
  }
}

/** The case as something to run. */
export function neuronCase(c: NeuronCase): ReferenceCase {
  const tau = c.tau === null ? "" : `, τ = ${c.tau}`;
  const reset = c.vReset === null ? "soft reset" : `V_reset = ${c.vReset}`;
  const detached = c.detachReset ? "detached" : "not detached";
  return {
    name: `${c.neuron}${tau}, V_th = ${c.vThreshold}, ${reset}, ${detached}, ${c.surrogate} α = ${c.alpha}`,
    run: () =>
      tidy(() => {
        const shape: [number, number] = [c.T, c.N];
        const [x, dy] = [tensor2d([...c.x], shape), tensor2d([...c.gradOut], shape)];
        const spike = referenceSpike(c.surrogate, c.alpha);
        const w = scalar(c.w ?? 0);
        const step = make(c, w, spike);
        const potentials: number[] = [];
        let v: Tensor | undefined;
        for (let t = 0; t < c.T; t++) {
          v = unroll(step, slice(x, [t, 0], [1, c.N]), v).v;
          potentials.push(...read(v));
        }
        const inputs = c.gradW === undefined ? [x] : [x, w];
        const [dx, dw] = grads((...[a, b]) => sum(mul(unroll(make(c, b ?? w, spike), a!).spikes, dy)))(inputs);
        return report([
          ["spikes", difference(read(unroll(step, x).spikes), c.spikes, { relative: 0, absolute: 0 })],
          ["v", difference(potentials, c.v, { relative: 1e-5, absolute: 1e-6 })],
          ["gradX", difference(read(dx!), c.gradX, { relative: 1e-5, absolute: 2e-6 })],
          ["gradW", dw && difference(read(dw), [c.gradW!])],
        ]);
      }),
  };
}
