/** @file Neuron layers of every model, as properties over blocks and networks draw them. */
import { type NeuronFactory, neurons } from "@sew/layers";
import { type MembraneParams, type NeuronModel, neuronModels, plifInitial } from "@sew/neurons";
import { type Spike, surrogates } from "@sew/surrogates";
import * as fc from "fast-check";
import { float32, type Numeric } from "./arbitraries.js";

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

/** Membranes at rest below their threshold. */
export const restingMembranes: fc.Arbitrary<Numeric<MembraneParams>> = fc.record({
  vThreshold: float32(0.25, 2),
  vReset: fc.oneof(fc.constant(0), float32(-1, 0.125)),
  reset: fc.constantFrom("hard", "soft"),
  detachReset: fc.boolean(),
});

const taus = fc.oneof(fc.constant(2), float32(1.0625, 16));

/** Parameters of a model's own, from a time constant, for models whose laws they matter to. */
const ownParams: Readonly<Record<string, (tau: number, membrane: MembraneParams) => object>> = {
  LIF: (tau) => ({ tau }),
  PLIF: (tau) => ({ w: plifInitial(tau) }),
  QIF: (tau) => ({ tau }),
  // Its potential runs off to infinity when it starts below the 0 that a soft reset leaves: no current holds it.
  EIF: (tau, { reset }) => ({ tau, ...(reset === "soft" && { vReset: 0 }) }),
};

/** Factories of neuron layers: every model of `neuronModels`, membrane and surrogate. */
export const neuronLayers: fc.Arbitrary<{ readonly name: string; readonly neurons: NeuronFactory }> = fc
  .record({
    model: fc.constantFrom(...Object.entries<NeuronModel<MembraneParams, string>>(neuronModels)),
    membrane: restingMembranes,
    tau: taus,
    spike: spikes,
  })
  .map(({ model: [name, model], membrane, tau, spike }) => ({
    name,
    neurons: neurons(model, { ...membrane, ...ownParams[name]?.(tau, membrane) }, spike),
  }));
