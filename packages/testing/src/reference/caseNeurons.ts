/** @file The neurons that a case describes: the paper's settings for what it leaves out, and layers of them. */
import { type Module, type NeuronFactory, type NeuronLayer, neuronLayer } from "@sew/layers";
import { composed, plifInitial } from "@sew/neurons";
import { type Spike, smooth } from "@sew/surrogates";
import { scalar, type Tensor, type Variable, variable } from "@tensorflow/tfjs-core";
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

/** Receives the u = H − V_th of every neuron of a layer, once for each time-step. */
export type Probe = (layer: Module, u: Tensor) => void;

/**
 * Makes the neuron layers of a case; each PLIF layer has a `w` of its own. With `smooth`, σ(H − V_th) takes the place of
 * the spike.
 */
export function caseNeurons(
  fields: NeuronFields & { readonly smooth?: boolean | null | undefined },
  usual?: string,
  probe?: Probe,
): NeuronFactory {
  const settings = withDefaults(fields, usual);
  const step = referenceSpike(settings.surrogate, settings.alpha);
  const spike = fields.smooth ? smooth(step) : step;
  const learns = plain(settings.neuron) === "plif";
  // Wrong settings show here, before a block is half made.
  make(settings, 0, spike);
  const start = learns ? plifInitial(settings.tau ?? 2) : 0;
  return () => {
    const w = learns ? scalarVariable(start) : undefined;
    if (probe === undefined) return neuronLayer(make(settings, w ?? 0, spike), w && { w });
    let layer: NeuronLayer | undefined;
    // Making the neuron calls its spike function too, with tensors that have no values, before there is a layer.
    const show = (u: Tensor) => layer && probe(layer, u);
    layer = neuronLayer(composed(make(settings, w ?? 0, probedSpike(spike, show))), w && { w });
    return layer;
  };
}

function scalarVariable(value: number): Variable {
  const initial = scalar(value);
  const w = variable(initial);
  initial.dispose();
  return w;
}

/** The same spike function, which shows its argument. */
function probedSpike(spike: Spike, show: (u: Tensor) => unknown): Spike {
  const { slope, primitive } = spike;
  const probed = (u: Tensor): Tensor => {
    show(u);
    return spike(u);
  };
  return Object.assign(probed, { slope, ...(primitive && { primitive }) });
}
