/** @file What every layer of a network puts out, holds and costs. */
import { hasKernel, multiStepNeuronKernel, parallelNeuronKernel, printable } from "@sew/kernels";
import { type Tensor, tidy, type Variable, zeros } from "@tensorflow/tfjs-core";
import { neuronOf } from "./activation.js";
import { checkInteger, checkShape } from "./check.js";
import { distinctModules, evaluation, type Module, run } from "./module.js";
import type { StateMemory } from "./stream.js";

/** A layer in numbers. */
export interface LayerProfile {
  /** Path of the module, as `namedModules` gives it: `""` is the model. */
  readonly path: string;
  /** Shape of its output; absent where the module does not run, or not through `run`. */
  readonly shape?: readonly number[];
  /** How many numbers training changes in the module itself, its children aside. A shared variable counts once. */
  readonly parameters: number;
  /** Multiply-accumulates of the module itself, its children aside, for the whole input; of every run of a shared one. */
  readonly macs: number;
  /**
   * Whether a fused kernel of the current backend runs the neurons of the layer; a warning says why not, once for each model.
   * Absent where the module is no layer of neurons.
   */
  readonly fused?: boolean;
}

/**
 * Output shape, parameters and multiply-accumulates of every module, outer before inner: the sums are the network's. A
 * module in two places is listed once, by the first of its paths, with its last output.
 *
 * A convolution or linear layer of weight W and output Y takes `|Y| · |W| / outChannels` multiply-accumulates, whatever its
 * input holds; norms, neurons and biases, which take far fewer, count as none. This runs one forward pass in evaluation
 * on zeros, so that its time and memory are those of the network.
 *
 * @param inputShape `[T, N, ...]`; with T = N = 1 the counts are those of a time-step of one sample
 * @throws RangeError when a length of the shape is not a positive integer, or it has more than 2²⁸ values
 *
 * @example
 * const net = sequential({ conv: conv2d(2, 4), flatten: flatten(), classifier: linear(256, 3) });
 * profile(net, [1, 1, 8, 8, 2])[1]; // { path: "conv", shape: [1, 1, 8, 8, 4], parameters: 72, macs: 4608 }
 */
export function profile(model: Module, inputShape: readonly number[]): LayerProfile[] {
  for (const [axis, length] of inputShape.entries()) checkInteger("profile", `inputShape[${axis}]`, length, 1);
  checkShape("profile", inputShape);
  const seen = new Map<Module, { shape: readonly number[]; macs: number }>();
  const observe = (module: Module, { shape, size }: Tensor): void => {
    const weight = module.parameters?.weight;
    const macs = weight !== undefined && weight.rank > 1 ? (size * weight.size) / weight.shape.at(-1)! : 0;
    seen.set(module, { shape, macs: macs + (seen.get(module)?.macs ?? 0) });
  };
  // With a memory, norms and neurons run apart, so that norms are shown, too.
  const memory: StateMemory = { recall: () => undefined, store: () => {} };
  tidy(() => void run(model, zeros([...inputShape]), { ...evaluation, observe, memory }));
  const counted = new Set<Variable>();
  return [...distinctModules(model)].map(([module, path]) => ({
    path,
    parameters: Object.values(module.parameters ?? {}).reduce((sum, variable) => {
      if (counted.has(variable)) return sum;
      counted.add(variable);
      return sum + variable.size;
    }, 0),
    ...(seen.get(module) ?? { macs: 0 }),
    ...fusedOf(module),
  }));
}

function fusedOf(module: Module): Pick<LayerProfile, "fused"> {
  const neuron = neuronOf(module);
  if (neuron === undefined) return {};
  const isParallel = !("stateNames" in neuron);
  return {
    fused: isParallel ? hasKernel(parallelNeuronKernel, neuron.formula) : hasKernel(multiStepNeuronKernel, neuron),
  };
}

/**
 * The {@link profile} of a model as a table: a line for each module, its children below it, and the totals. Of layers of
 * neurons it says whether they run in a fused kernel of the current backend or as composed operations, which are several
 * times slower.
 *
 * @example
 * const net = sequential({ conv: conv2d(2, 4), flatten: flatten(), classifier: linear(256, 3) });
 * summary(net, [1, 1, 8, 8, 2]).split("\n").at(-1); // "total       [1, 1, 3]               843  5,376"
 */
export function summary(model: Module, inputShape: readonly number[]): string {
  const layers = profile(model, inputShape);
  const sum = (of: "parameters" | "macs") => layers.reduce((total, layer) => total + layer[of], 0);
  const row = (name: string, { shape, parameters, macs, fused }: Omit<LayerProfile, "path">): string[] => [
    name,
    shape === undefined ? "not run" : `[${shape.join(", ")}]`,
    parameters.toLocaleString("en-US"),
    macs.toLocaleString("en-US"),
    fused === undefined ? "" : fused ? "fused" : "composed",
  ];
  const [root, ...inner] = layers;
  const rows = [
    ["layer", "output", "parameters", "MACs", "neurons"],
    ...inner.map((layer) => {
      const names = layer.path.split(".");
      return row("  ".repeat(names.length - 1) + printable(names.at(-1)!).replaceAll("\n", "\\n"), layer);
    }),
    row("total", { ...root!, parameters: sum("parameters"), macs: sum("macs") }),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const lines = rows.map((cells) =>
    cells
      .map((cell, c) => (c === 2 || c === 3 ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join("  ")
      .trimEnd(),
  );
  const rule = "-".repeat(Math.max(...lines.map(({ length }) => length)));
  return [lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1)].join("\n");
}
