/** @file The cases of neurons.json. */

import { difference, read } from "@sew/kernels/testing";
import {
  type MembraneParams,
  membrane as membraneDefaults,
  type Neuron,
  type NeuronModel,
  neuron,
  neuronModels,
  plifInitial,
  type State,
  unroll,
} from "@sew/neurons";
import type { Spike } from "@sew/surrogates";
import { grads, mul, scalar, slice, sum, type Tensor, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { type ReferenceCase, report } from "./case.js";
import { lookUp, plain } from "./names.js";
import { referenceSpike } from "./surrogates.js";

/** What a case says of its neurons. A model's own parameters may stand beside these fields. */
export interface NeuronSettings {
  readonly neuron: string;
  /** Time constant, in time-steps. @defaultValue that of the model */
  readonly tau?: number | null | undefined;
  /** Whether LIF and PLIF decay the input (Eq. 5). @defaultValue true */
  readonly decayInput?: boolean | null | undefined;
  readonly vThreshold: number;
  /** `null` is the soft reset. */
  readonly vReset: number | null;
  readonly detachReset: boolean;
}

/** A case of neurons.json. */
export interface NeuronCase extends NeuronSettings {
  readonly surrogate: string;
  readonly alpha?: number | null | undefined;
  readonly T: number;
  readonly N: number;
  readonly x: readonly number[];
  readonly gradOut: readonly number[];
  readonly spikes: readonly number[];
  readonly v: readonly number[];
  readonly gradX: readonly number[];
  readonly w?: number | null | undefined;
  readonly gradW?: number | null | undefined;
}

/** What peers call parameters that have other names here. */
const peerNames: Readonly<Record<string, string>> = { vCritical: "vc" };

/** The parameters of a model's own that a case has, by their names here or the peer's. */
function ownParams(c: NeuronSettings, defaults: object): Record<string, number | boolean> {
  const fields = new Map(Object.entries(c).map(([key, value]) => [plain(key), value as unknown]));
  const own: Record<string, number | boolean> = {};
  for (const name of Object.keys(defaults).filter((name) => !(name in membraneDefaults))) {
    const value = fields.get(plain(name)) ?? fields.get(plain(peerNames[name] ?? name));
    if (typeof value === "number" || typeof value === "boolean") own[name] = value;
  }
  return own;
}

/** The neuron that a case describes; `w` is that of PLIF. */
export function make(c: NeuronSettings, w: Tensor | number, spike: Spike): Neuron {
  const { vThreshold, detachReset, vReset } = c;
  const model = lookUp<NeuronModel<MembraneParams, string>>("neuronCase: neuron", neuronModels, c.neuron);
  const own = { ...ownParams(c, model.defaults), ...("w" in model.defaults && { w }) };
  const reset = vReset === null ? "soft" : "hard";
  return neuron(model, { ...own, vThreshold, detachReset, vReset: vReset ?? 0, reset }, spike);
}

/** The case as something to run. */
export function neuronCase(c: NeuronCase): ReferenceCase {
  const constant = typeof c.tau === "number" ? `, τ = ${c.tau}` : "";
  const decay = c.decayInput === false ? ", input not decayed" : "";
  const reset = c.vReset === null ? "soft reset" : `V_reset = ${c.vReset}`;
  const detached = c.detachReset ? "detached" : "not detached";
  return {
    name: `${c.neuron}${constant}${decay}, V_th = ${c.vThreshold}, ${reset}, ${detached}, ${c.surrogate} α = ${c.alpha ?? "default"}`,
    run: () =>
      tidy(() => {
        const shape: [number, number] = [c.T, c.N];
        const [x, dy] = [tensor2d([...c.x], shape), tensor2d([...c.gradOut], shape)];
        const spike = referenceSpike(c.surrogate, c.alpha);
        const w = scalar(c.w ?? plifInitial(c.tau ?? 2));
        const step = make(c, w, spike);
        const potentials: number[] = [];
        let state: State | undefined;
        for (let t = 0; t < c.T; t++) {
          state = unroll(step, slice(x, [t, 0], [1, c.N]), state).state;
          potentials.push(...read(state.v!));
        }
        const inputs = typeof c.gradW !== "number" ? [x] : [x, w];
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
