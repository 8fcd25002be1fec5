/**
 * @file Parametric LIF with a time constant for each channel (CPLIF).
 *
 * W. Fang et al., "Incorporating Learnable Membrane Time Constant to Enhance Learning of Spiking Neural Networks",
 * ICCV 2021, where a layer has one; N. Perez-Nieves et al., "Neural heterogeneity promotes robust learning", Nature
 * Communications 12, 2021, on why neurons of a layer should differ.
 */
import { checkBoolean, checkNumber } from "./check.js";
import type { NeuronModel } from "./neuron.js";
import { type PlifParams, plif } from "./plif.js";

/**
 * The PLIF model of which layers learn a w for each channel: `H[t] = V[t-1] + sigmoid(w) (X[t] − (V[t-1] − V_reset))`, see
 * {@link plif}.
 *
 * @example
 * const w = variable(tensor1d([0, 100]));
 * const { state } = neuron(cplif, { w })({ v: zeros([2]) }, tensor1d([1, 0.5]));
 * state.v.arraySync(); // [0.5, 0.5]
 *
 * @throws RangeError when `w` is neither a finite number nor a tensor of one value or one per channel
 */
export const cplif: NeuronModel<PlifParams> = {
  ...plif,
  name: "cplif",
  learns: { w: "channel" },
  check({ w, decayInput }) {
    checkNumber("cplif", { w });
    checkBoolean("cplif", { decayInput });
  },
};
