import { shown } from "@sew/kernels";
import {
  checkParams,
  type Emission,
  firingCurrent,
  type MembraneParams,
  type Neuron,
  type NeuronModel,
  neuron,
  type Parameter,
  silentCurrent,
  unroll,
} from "@sew/neurons";
import type { Spike } from "@sew/surrogates";
import { fill, Tensor, tidy, type Variable } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import { checkInteger, checkNumber } from "./check.js";
import { variableFrom } from "./variableFrom.js";

/** A layer of neurons: currents `[T, N, ..., C] → spikes [T, N, ..., C]`, each sequence from rest. */
export interface NeuronLayer extends Activation {
  readonly neuron: Neuron;
  readonly emits: Emission;
  /** The learned parameters of the neuron, by name. */
  readonly parameters: Readonly<Record<string, Variable>>;
}

/** Makes one layer of neurons for currents of so many channels. Blocks call it once for each of their layers. */
export type NeuronFactory = (channels: number) => NeuronLayer;

/** A parameter that training changes; see {@link learnable}. */
export interface Learnable {
  readonly initial: number;
  readonly per: "layer" | "channel";
}

/** The parameters of a layer of neurons: values, or {@link learnable} ones. */
export type LayerParams<P> = { readonly [K in keyof P]?: P[K] | (P[K] extends Parameter ? Learnable : never) };

/**
 * Marks a parameter of a neuron layer as learned.
 *
 * @param initial its value at the start
 * @param per whether the layer has one value, or one for each channel. @defaultValue `"layer"`
 *
 * @example
 * const layer = neurons(lif, { vThreshold: learnable(1, "channel") })(3);
 * layer.parameters.vThreshold.shape; // [3]
 */
export function learnable(initial: number, per: Learnable["per"] = "layer"): Learnable {
  checkNumber("learnable", "initial", initial, "a finite number", Number.isFinite);
  if (per !== "layer" && per !== "channel") {
    throw new RangeError(`learnable: per must be "layer" or "channel", got ${shown(per)}`);
  }
  return { initial, per };
}

/**
 * Makes layers of the neurons of a model, each with its own learned parameters.
 *
 * Numbers and tensors stay as they are; what is {@link learnable}, and the numbers that the model names in `learns`, for
 * the layer or for each channel, become variables, which training keeps at the model's `lowerBounds` or above. Variables that you pass yourself are shared by
 * all layers, and have no bounds.
 *
 * @param model the neuron model, such as `lif`
 * @param params parameters that differ from the model's defaults
 * @param spike the spike function. @defaultValue the paper's ArcTan with α = 2
 * @returns a function from the number of channels C, the last axis of the currents, to a layer
 * @throws RangeError when a number, a value of a tensor, or the initial value of a learnable one is outside the model's
 *   domain, and, when layers are made, when channels is not a positive integer
 *
 * @example
 * const layer = neurons(lif, { tau: 4 })(2);
 * layer.forward(tensor3d([[[4, 1]], [[2, 2]]]), evaluation).arraySync(); // [[[1, 0]], [[0, 0]]]
 * Object.keys(neurons(plif)(2).parameters); // ["w"]
 * neurons(cplif)(2).parameters.w.shape; // [2]
 */
export function neurons<P extends MembraneParams, S extends string>(
  model: NeuronModel<P, S>,
  params: LayerParams<P> = {},
  spike?: Spike,
): NeuronFactory {
  checkDomain(model, params);
  return (channels) => {
    checkInteger("neurons", "channels", channels, 1);
    const parameters: Record<string, Variable> = {};
    const values: Record<string, unknown> = {};
    for (const [name, value] of Object.entries({ ...model.defaults, ...params })) {
      const learned = asLearnable(value, model.learns?.[name]);
      if (learned === undefined) values[name] = value;
      else values[name] = parameters[name] = parameterOf(learned, channels);
    }
    const bounds = Object.entries(model.lowerBounds ?? {}).filter(([name]) => name in parameters);
    return neuronLayer(neuron(model, values as Partial<P>, spike), parameters, Object.fromEntries(bounds));
  };
}

/** Throws where a number, a value of a tensor, or an initial value is outside the model's domain. */
function checkDomain<P extends MembraneParams, S extends string>(
  model: NeuronModel<P, S>,
  params: LayerParams<P>,
): void {
  const initial: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) initial[name] = asLearnable(value)?.initial ?? value;
  const check = (values: Record<string, unknown>) => checkParams(model, { ...model.defaults, ...values });
  check(initial);
  for (const [name, value] of Object.entries(initial)) {
    if (!(value instanceof Tensor)) continue;
    for (const each of new Set(value.dataSync())) check({ ...initial, [name]: each });
  }
}

/** The learnable that a value stands for, a number where the model learns it; none for a fixed one. */
function asLearnable(value: unknown, per?: Learnable["per"]): Learnable | undefined {
  if (typeof value === "number") return per && learnable(value, per);
  return typeof value === "object" && value !== null && "per" in value && !(value instanceof Tensor)
    ? (value as Learnable)
    : undefined;
}

function parameterOf({ initial, per }: Learnable, channels: number): Variable {
  return variableFrom(fill(per === "layer" ? [] : [channels], initial));
}

/**
 * A layer of the given neuron, `S = unroll(neuron, X)`, from rest, or from the state in the context's memory.
 *
 * @param parameters the variables among the neuron's parameters, by name. @defaultValue none
 * @param lowerBounds the least values of some of them. @defaultValue none
 *
 * @example
 * const layer = neuronLayer(neuron(integrateAndFire));
 * layer.forward(tensor2d([[0.5], [0.5]]), evaluation).arraySync(); // [[0], [1]]
 */
export function neuronLayer(
  neuron: Neuron,
  parameters: Readonly<Record<string, Variable>> = {},
  lowerBounds: Readonly<Record<string, number>> = {},
): NeuronLayer {
  const layer: NeuronLayer = {
    neuron,
    emits: neuron.emits,
    parameters,
    lowerBounds,
    constantCurrent: (emitted) => (emitted === 0 ? silentCurrent(neuron) : firingCurrent(neuron)),
    forward: (x, { memory }) =>
      tidy(() => {
        const { spikes, state } = unroll(neuron, x, memory?.recall(layer));
        memory?.store(layer, state);
        return spikes;
      }),
  };
  return layer;
}
