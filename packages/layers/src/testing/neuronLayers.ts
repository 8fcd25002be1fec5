/** @file Neuron layers of every model, as properties over blocks and networks draw them. */

import { float32 } from "@sew/kernels/testing";
import { type MembraneParams, type NeuronModel, neuron, neuronModels, plifInitial } from "@sew/neurons";
import { restingMembranes } from "@sew/neurons/testing";
import { spikes } from "@sew/surrogates/testing";
import * as fc from "fast-check";
import { type NeuronFactory, neurons } from "../index.js";

const taus = fc.oneof(fc.constant(2), float32(1.0625, 16));

/** Parameters of a model's own, from a time constant, for models whose laws they matter to. */
const ownParams: Readonly<Record<string, (tau: number, membrane: MembraneParams) => object>> = {
  LIF: (tau) => ({ tau }),
  PLIF: (tau) => ({ w: plifInitial(tau) }),
  QIF: (tau) => ({ tau }),
  // Its potential runs off to infinity when it starts below the 0 that a soft reset leaves: no current holds it.
  EIF: (tau, { reset }) => ({ tau, ...(reset === "soft" && { vReset: 0 }) }),
  CPLIF: (tau) => ({ w: plifInitial(tau) }),
  LTLIF: (tau) => ({ tau }),
  KLIF: (tau) => ({ tau }),
  ALIF: (tau) => ({ tau }),
  CUBALIF: (tau) => ({ tau, tauSynapse: tau }),
  // A neuron with a period cannot fire in every step.
  LIFREFRACTORY: (tau) => ({ tau, refractory: 0 }),
  // Far below rest, and after a soft reset, its parabola lifts it to infinity.
  IZHIKEVICH: () => ({ vReset: 0.05, reset: "hard" }),
};

/** The models whose neurons emit 0 and 1. */
const spiking = Object.entries<NeuronModel<MembraneParams, string>>(neuronModels).filter(
  ([, model]) => neuron(model).emits.kind === "bits",
);

/** Factories of neuron layers: every model of `neuronModels` that emits 0 and 1, membrane and surrogate. */
export const neuronLayers: fc.Arbitrary<{ readonly name: string; readonly neurons: NeuronFactory }> = fc
  .record({
    model: fc.constantFrom(...spiking),
    membrane: restingMembranes,
    tau: taus,
    spike: spikes,
  })
  .map(({ model: [name, model], membrane, tau, spike }) => ({
    name,
    neurons: neurons(model, { ...membrane, ...ownParams[name]?.(tau, membrane) }, spike),
  }));
