/** @file Neuron layers of every model, as properties over blocks and networks draw them. */
import { eifNeurons, ifNeurons, lifNeurons, plifNeurons, qifNeurons, type SpikingFactory } from "@sew/layers";
import type { MembraneParams } from "@sew/neurons";
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
import * as fc from "fast-check";
import { float32 } from "./arbitraries.js";

/** Every surrogate, with parameters around its defaults. */
export const spikes: fc.Arbitrary<Spike> = fc.oneof(
  ...[atan, sigmoid, piecewiseQuadratic, piecewiseExponential, softSign, superSpike, erf].map((make) =>
    float32(0.5, 4).map((alpha) => make({ alpha })),
  ),
  float32(0.5, 4).map((a) => rectangular({ a })),
  float32(0.5, 2).map((value) => constant({ value })),
  fc.constant(scaledAtan()),
);

/** Membranes at rest below their threshold. */
export const restingMembranes: fc.Arbitrary<MembraneParams> = fc.record({
  vThreshold: float32(0.25, 2),
  vReset: fc.oneof(fc.constant(0), float32(-1, 0.125)),
  reset: fc.constantFrom("hard", "soft"),
  detachReset: fc.boolean(),
});

const taus = fc.oneof(fc.constant(2), float32(1.0625, 16));

/** Factories of neuron layers: model, membrane and surrogate. */
export const neuronLayers: fc.Arbitrary<{ readonly name: string; readonly neurons: SpikingFactory }> = fc
  .record({
    name: fc.constantFrom("IF", "LIF", "PLIF", "QIF", "EIF"),
    membrane: restingMembranes,
    tau: taus,
    spike: spikes,
  })
  .map(({ name, membrane, tau, spike }) => ({
    name,
    neurons: {
      IF: () => ifNeurons(membrane, spike),
      LIF: () => lifNeurons({ ...membrane, tau }, spike),
      PLIF: () => plifNeurons({ ...membrane, initialTau: tau }, spike),
      QIF: () => qifNeurons({ ...membrane, tau }, spike),
      // Its potential runs off to infinity when it starts below the 0 that a soft reset leaves: no current holds it.
      EIF: () => eifNeurons({ ...membrane, ...(membrane.reset === "soft" && { vReset: 0 }), tau }, spike),
    }[name](),
  }));
