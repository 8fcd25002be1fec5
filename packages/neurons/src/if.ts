/**
 * @file Integrate-and-fire (IF).
 *
 * W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, Eq. 4.
 */
import { add, type Tensor } from "@tensorflow/tfjs-core";
import { type MembraneParams, membrane, type NeuronModel, restingPotential } from "./neuron.js";

/** Parameters of {@link integrateAndFire}: the membrane's, and no other. */
export type IfParams = MembraneParams;

/**
 * IF charge: `H[t] = V[t-1] + X[t]` (Eq. 4).
 *
 * @param v potential V[t-1], any shape
 * @param x input current X[t], shape of `v`
 * @returns charged potential H[t], shape of `v`
 */
export function ifCharge(v: Tensor, x: Tensor): Tensor {
  return add(v, x);
}

/**
 * The IF model (`if` is a reserved word, hence the long name).
 *
 * @example
 * const step = neuron(integrateAndFire);
 * const { spikes, state } = step({ v: tensor1d([0.5, 0.5]) }, tensor1d([0.25, 0.5]));
 * spikes.arraySync(); // [0, 1]
 * state.v.arraySync(); // [0.75, 0]
 */
export const integrateAndFire: NeuronModel<IfParams> = {
  name: "if",
  defaults: membrane,
  state: restingPotential,
  charge: ({ v }, x) => ({ v: ifCharge(v, x) }),
  check() {},
};
