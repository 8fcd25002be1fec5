/** @file The neurons that a case describes: the paper's settings for what it leaves out, and layers of them. */
import { type NeuronFactory, neuronLayer } from "@sew/layers";
import { plifInitial } from "@sew/neurons";
import { scalar, variable } from "@tensorflow/tfjs-core";
import type * as z from "zod";
import type { neuronFields } from "./fields.js";
import { plain } from "./names.js";
import { make, type NeuronSettings } from "./neurons.js";
import { referenceSpike } from "./surrogates.js";

/** What a case says of its neurons, as it stands in the file. */
export type NeuronFields = { readonly [K in keyof typeof neuronFields]?: z.infer<(typeof neuronFields)[K]> };

/** The paper's settings for what a case leaves out. Fields of other names stay: a model may have parameters of its own. */
export function withDefaults<T extends NeuronFields>(
  fields: T,
  usual?: string,
): T & NeuronSettings & { readonly surrogate: string } {
  const neuron = fields.neuron ?? usual;
  if (neuron === undefined) throw new RangeError("withDefaults: neuron must be named, such as LIF, got none");
  return {
    ...fields,
    neuron,
    vThreshold: fields.vThreshold ?? 1,
    vReset: fields.vReset === undefined ? 0 : fields.vReset,
    detachReset: fields.detachReset ?? true,
    surrogate: fields.surrogate ?? "atan",
  };
}

/** Makes the neuron layers of a case; each PLIF layer has a `w` of its own. */
export function caseNeurons(fields: NeuronFields, usual?: string): NeuronFactory {
  const settings = withDefaults(fields, usual);
  const spike = referenceSpike(settings.surrogate, settings.alpha);
  const learns = plain(settings.neuron) === "plif";
  // Wrong settings show here, before a block is half made.
  const fixed = make(settings, 0, spike);
  if (!learns) return () => neuronLayer(fixed);
  const start = plifInitial(settings.tau ?? 2);
  return () => {
    const initial = scalar(start);
    const w = variable(initial);
    initial.dispose();
    return neuronLayer(make(settings, w, spike), { w });
  };
}
