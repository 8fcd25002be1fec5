/** @file The residual path F and the shortcut beside it: the convolutions that all blocks share. */
import { shown } from "@sew/kernels";
import {
  type Context,
  type ConvNorm,
  type ConvNormNeuron,
  type ConvNormOptions,
  checkInteger,
  convNorm,
  convNormNeuron,
  disposeModule,
  emissionOf,
  type Module,
  namedModules,
  run,
} from "@sew/layers";
import { fill, type Tensor, zeros } from "@tensorflow/tfjs-core";
import type { BlockOptions } from "./block.js";

/** What a path ends in: neurons of its own (Eq. 9), or a sum with the other path before the neurons (Eq. 7). */
export type Ending = "neurons" | "sum";

/** A unit of F or of the shortcut, with the neurons that its ending asks for. */
export type Unit<E extends Ending> = E extends "neurons" ? ConvNormNeuron : ConvNorm;

interface Convolution {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
}

/** The convolutions of F, in order. */
function convolutions({
  channels: from,
  outChannels: to = from,
  stride = 1,
  path = "basic",
}: BlockOptions): Convolution[] {
  for (const [name, value] of Object.entries({ channels: from, outChannels: to, stride })) {
    checkInteger("block", name, value, 1);
  }
  switch (path) {
    case "basic":
      return [
        { from, to, kernel: 3, stride },
        { from: to, to, kernel: 3, stride: 1 },
      ];
    case "bottleneck": {
      const width = to / 4;
      if (!Number.isInteger(width)) {
        throw new RangeError(`block: outChannels must be a multiple of 4 in a bottleneck, got ${to}`);
      }
      return [
        { from, to: width, kernel: 1, stride: 1 },
        { from: width, to: width, kernel: 3, stride },
        { from: width, to, kernel: 1, stride: 1 },
      ];
    }
    default:
      throw new RangeError(`block: path must be "basic" or "bottleneck", got ${shown(path)}`);
  }
}

function optionsOf(
  { from: _from, to: _to, ...shape }: Convolution,
  { norm, random, init }: BlockOptions,
): ConvNormOptions {
  return { ...shape, ...(norm && { norm }), ...(random && { random }), ...(init && { init }) };
}

function unit<E extends Ending>(shape: Convolution, ending: E, options: BlockOptions): Unit<E> {
  const { neurons, recompute = false } = options;
  const layer = optionsOf(shape, options);
  // The block that sums recomputes what ends in a sum.
  return (
    ending === "neurons"
      ? convNormNeuron(shape.from, shape.to, neurons, { ...layer, recompute })
      : convNorm(shape.from, shape.to, { ...layer, paths: 2 })
  ) as Unit<E>;
}

/** The units of F: conv-norm-neuron, the last one without neurons where F ends in a sum. */
export interface ResidualPath<E extends Ending> {
  /** All units but the last, in order. */
  readonly inner: readonly ConvNormNeuron[];
  readonly last: Unit<E>;
}

/** The units of F. */
export function residualPath<E extends Ending>(ending: E, options: BlockOptions): ResidualPath<E> {
  const shapes = convolutions(options);
  const inner = shapes.slice(0, -1).map((shape) => unit(shape, "neurons", options));
  const { lastNeurons: neurons = options.neurons } = options;
  return { inner, last: unit(shapes.at(-1)!, ending, { ...options, neurons }) };
}

/** The downsample shortcut of Fig. 2, conv1x1-norm and neurons unless it ends in a sum; none where no shape changes. */
export function shortcutPath<E extends Ending>(ending: E, options: BlockOptions): Unit<E> | undefined {
  const { channels, outChannels = channels, stride = 1 } = options;
  if (outChannels === channels && stride === 1) return undefined;
  return unit({ from: channels, to: outChannels, kernel: 1, stride }, ending, options);
}

/** The units of F by their names. `c` is there in a bottleneck, where it is the last. */
export type PathChildren<E extends Ending> =
  | { readonly a: ConvNormNeuron; readonly b: Unit<E>; readonly c?: Unit<E> }
  | { readonly a: ConvNormNeuron; readonly b: ConvNormNeuron; readonly c: Unit<E> };

/** The children of a block by their names: `a`, `b`, `c` of F. */
export function named<E extends Ending>({ inner, last }: ResidualPath<E>): PathChildren<E> {
  return Object.fromEntries([...inner, last].map((unit, i) => ["abc"[i]!, unit])) as unknown as PathChildren<E>;
}

/** Throws, and frees the children, unless all neurons of a block emit spikes. */
export function checkSpikes(block: string, children: Readonly<Record<string, Module>>): void {
  const layers = Object.values(children).flatMap((child) => [...namedModules(child)]);
  if (layers.every(([, layer]) => emissionOf(layer)?.kind !== "reals")) return;
  for (const child of Object.values(children)) disposeModule(child);
  throw new RangeError(
    `${block}: neurons must emit spikes, got some that emit real numbers; put them behind the last layer`,
  );
}

/** Runs units one after another. */
export function runUnits(units: readonly Module[], s: Tensor, context: Context): Tensor {
  return units.reduce((x, unit) => run(unit, x, context), s);
}

/** Makes a path's output, before its neurons, the constant `shift`: the last norm's weight 0 and bias `shift`. */
export function makeConstant(last: ConvNorm | ConvNormNeuron, shift: number): void {
  const { weight, bias } = last.children.norm.parameters;
  const [w, b] = [zeros(weight.shape), fill(bias.shape, shift)];
  weight.assign(w);
  bias.assign(b);
  w.dispose();
  b.dispose();
}
