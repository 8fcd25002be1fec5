/** @file Neuron layers with the settings of a case. */
import { type SpikingFactory, spiking } from "@sew/layers";
import { plifInitial } from "@sew/neurons";
import { scalar, variable } from "@tensorflow/tfjs-core";
import type * as z from "zod";
import type { neuronFields } from "./fields.js";
import { make, type NeuronSettings } from "./neurons.js";
import { referenceSpike } from "./surrogates.js";

/** What a case says of its neurons, as it stands in the file. */
export type NeuronFields = { readonly [K in keyof typeof neuronFields]?: z.infer<(typeof neuronFields)[K]> };

/** The paper's settings for what a case leaves out. Fields of other names stay: a model may have parameters of its own. */
export function withDefaults<T extends NeuronFields>(
  fields: T,
  usual?: NeuronSettings["neuron"],
): T & NeuronSettings & { readonly surrogate: string; readonly alpha: number } {
  const neuron = fields.neuron ?? usual;
  if (neuron === undefined) {
    throw new RangeError(`withDefaults: neuron must be one of IF, LIF, PLIF, QIF, EIF, got ${fields.neuron}`);
  }
  const surrogate = fields.surrogate ?? "atan";
  const alpha = fields.alpha ?? (surrogate === "atan" ? 2 : undefined);
  if (alpha === undefined) {
    throw new RangeError(
      `withDefaults: alpha must be given with the surrogate ${surrogate}; only atan has a default, 2`,
    );
  }
  return {
    ...fields,
    neuron: neuron as NeuronSettings["neuron"],
    tau: neuron === "IF" ? null : (fields.tau ?? 2),
    vThreshold: fields.vThreshold ?? 1,
    vReset: fields.vReset === undefined ? 0 : fields.vReset,
    detachReset: fields.detachReset ?? true,
    surrogate,
    alpha,
  };
}

/** Makes the neuron layers of a case; each PLIF layer has a `w` of its own. */
export function neuronLayers(fields: NeuronFields, usual?: NeuronSettings["neuron"]): SpikingFactory {
  const settings = withDefaults(fields, usual);
  const spike = referenceSpike(settings.surrogate, settings.alpha);
  const start = settings.neuron === "PLIF" ? plifInitial(settings.tau!) : 0;
  // Wrong settings show here, before a block is half made.
  make(settings, start, spike);
  if (settings.neuron !== "PLIF") return () => spiking(make(settings, start, spike));
  return () => {
    const initial = scalar(start);
    const w = variable(initial);
    initial.dispose();
    return spiking(make(settings, w, spike), { w });
  };
}
