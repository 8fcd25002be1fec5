/** @file The residual path F and the shortcut beside it: the convolutions that all blocks share. */
import { type Context, type ConvNorm, convNorm, convNormNeuron, type Module, run } from "@sew/layers";
import { fill, type Tensor, zeros } from "@tensorflow/tfjs-core";
import type { BlockOptions } from "./block.js";

/** What a path ends in: neurons of its own (Eq. 9), or a sum with the other path before the neurons (Eq. 7). */
export type Ending = "neurons" | "sum";

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
      throw new RangeError(`block: path must be "basic" or "bottleneck", got ${JSON.stringify(path)}`);
  }
}

function unit({ from, to, ...shape }: Convolution, ending: Ending, options: BlockOptions): ConvNorm {
  const { neurons, norm, random, init, recompute = false } = options;
  const layer = { ...shape, ...(norm && { norm }), ...(random && { random }), ...(init && { init }) };
  // What ends in a sum is computed again by whoever sums.
  return ending === "neurons"
    ? convNormNeuron(from, to, neurons, { ...layer, recompute })
    : convNorm(from, to, { ...layer, paths: 2 });
}

/** The units of F: conv-norm-neuron, the last one without neurons where F ends in a sum. */
export function residualPath(ending: Ending, options: BlockOptions): ConvNorm[] {
  const shapes = convolutions(options);
  return shapes.map((shape, i) => unit(shape, i < shapes.length - 1 ? "neurons" : ending, options));
}

/** The downsample shortcut of Fig. 2, conv1x1-norm and neurons unless it ends in a sum; none where no shape changes. */
export function shortcutPath(ending: Ending, options: BlockOptions): ConvNorm | undefined {
  const { channels, outChannels = channels, stride = 1 } = options;
  if (outChannels === channels && stride === 1) return undefined;
  return unit({ from: channels, to: outChannels, kernel: 1, stride }, ending, options);
}

/** The children of a block by their names: `a`, `b`, `c` of F. */
export function named(units: readonly ConvNorm[]): Record<string, Module> {
  return Object.fromEntries(units.map((unit, i) => ["abc"[i]!, unit]));
}

/** Runs the units of F one after another. */
export function runPath(units: readonly ConvNorm[], s: Tensor, context: Context): Tensor {
  return units.reduce((x, unit) => run(unit, x, context), s);
}

/** Makes a path's output, before its neurons, the constant `shift`: the last norm's weight 0 and bias `shift`. */
export function makeConstant(units: readonly ConvNorm[], shift: number): void {
  const { weight, bias } = units.at(-1)!.children.norm.parameters;
  const [w, b] = [zeros(weight.shape), fill(bias.shape, shift)];
  weight.assign(w);
  bias.assign(b);
  w.dispose();
  b.dispose();
}
