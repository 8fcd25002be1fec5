/** @file Firing rates: Φ of every spiking layer and every block of a network. */
import { emissionOf, type Module, namedModules, run } from "@sew/layers";
import { keep, sum, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { blocksOf } from "./blocksOf.js";

/** Firing rate of a spiking layer. */
export interface LayerRate {
  /** Φ, the mean of its spikes: from 0, no neuron ever fires, to 1, all neurons fire in each time-step. */
  readonly rate: number;
  /** The fraction of its neurons that never fire, from 0 to 1. */
  readonly silent: number;
  /** The rate of each neuron, from 0 to 1. Absent without the option `neurons`. */
  readonly neurons?: Float32Array;
}

/** Firing rates of a block. */
export interface BlockRate {
  /** The mean of A^l, the spikes of the residual path. Absent where the path does not end in neurons of its own. */
  readonly residual?: number;
  /** The mean of O^l, the block's output. With g = ADD it is a mean of sums and may exceed 1. */
  readonly output: number;
}

/** Firing rates by the paths of the modules, as `namedModules` gives them, outer before inner. */
export interface FiringRates {
  readonly layers: Readonly<Record<string, LayerRate>>;
  readonly blocks: Readonly<Record<string, BlockRate>>;
  /** A sentence on each layer that never or always fires, or did not run, with a remedy. */
  readonly warnings: readonly string[];
}

/** Options of {@link firingRates}. */
export interface FiringRatesOptions {
  /**
   * Runs the model in training mode: batch norm uses the statistics of the batch, which a network that was never trained
   * needs, and updates its running statistics; dropout drops. @defaultValue `false`
   */
  readonly training?: boolean;
  /** Seed of dropout in training mode. @defaultValue none */
  readonly seed?: number;
  /** Whether each layer has the rates of its neurons too. @defaultValue `false` */
  readonly neurons?: boolean;
}

/**
 * Firing rates `Φ = Σ S / (T · N · neurons)` of every spiking layer and every block, in one forward pass.
 *
 * - A spiking layer is any module whose property `emits` is of bits or counts, such as a `NeuronLayer`. Of counts from 0 to D
 *   the rate is that of their D binary time-steps, the mean of S/D. Layers that emit real numbers have none.
 * - A block is any module, except the root, that has a conv-norm-neuron unit among its children and no block inside. A
 *   unit is a module without grandchildren one of whose children is a spiking layer.
 * - A^l is the output of the last unit of a block; units named `shortcut` or `downsample` do not count. A block with a
 *   spiking layer of its own, such as that of Spiking ResNet, has no A^l: this layer makes its output.
 *
 * A module that runs several times in the pass has its mean over all runs, and the first of its names.
 *
 * @param model any module whose children run through `run`
 * @param x a sequence `[T, N, ...]`, such as frames `[T, N, H, W, C]`
 * @throws RangeError when `x` has no time and batch axis or is empty
 *
 * @example
 * const net = sequential({ neurons: neurons(integrateAndFire)(1) });
 * const rates = await firingRates(net, tensor3d([[[1, 0]], [[0, 0]]]));
 * rates.layers; // { neurons: { rate: 0.25, silent: 0.5 } }
 */
export async function firingRates(model: Module, x: Tensor, options: FiringRatesOptions = {}): Promise<FiringRates> {
  if (x.rank < 2 || x.size === 0) {
    throw new RangeError(
      `firingRates: x must be a sequence [T, N, ...] of at least one time-step and one sample, got shape [${x.shape}]`,
    );
  }
  const paths = pathsOf(model);
  const blocks = blocksOf(model);
  const watched = new Set<Module>(blocks.flatMap(({ block, residual }) => (residual ? [block, residual] : [block])));
  for (const module of paths.keys()) if (mostSpikes(module) > 0) watched.add(module);

  const counts = await countsOf(model, x, watched, options);
  const rateOfModule = ([module, runs]: [Module, Count[]]): [Module, LayerRate] => [
    module,
    rateOf(runs, Math.max(1, mostSpikes(module)), options),
  ];
  const rates = new Map([...counts].map(rateOfModule));
  const layers: [string, LayerRate][] = [];
  for (const [module, path] of paths) {
    const rate = rates.get(module);
    if (rate !== undefined && mostSpikes(module) > 0) layers.push([path, rate]);
  }
  const unseen = [...watched].filter((module) => !rates.has(module)).map((module) => paths.get(module)!);
  return {
    layers: Object.fromEntries(layers),
    blocks: Object.fromEntries(
      blocks.flatMap(({ block, residual }) => {
        const [output, a] = [rates.get(block), residual && rates.get(residual)];
        return output ? [[paths.get(block)!, { ...(a && { residual: a.rate }), output: output.rate }]] : [];
      }),
    ),
    warnings: [...layers.flatMap(([path, { rate }]) => warningsOn(path, rate)), ...unseen.map(notRun)],
  };
}

/** Every module by its first path. */
function pathsOf(model: Module): Map<Module, string> {
  const paths = new Map<Module, string>();
  for (const [path, module] of namedModules(model)) if (!paths.has(module)) paths.set(module, path);
  return paths;
}

/** The most spikes of a neuron of a layer in a time-step; 0 of what does not spike. */
function mostSpikes(module: Module): number {
  const emits = emissionOf(module);
  if (emits?.kind === "counts") return emits.most;
  return emits?.kind === "bits" ? 1 : 0;
}

/** One run of a module. */
interface Count {
  /** How often each neuron fires in all time-steps of all samples. */
  readonly fired: ArrayLike<number>;
  /** Time-steps by samples. A module may repeat its input over time, so that those of x say nothing. */
  readonly times: number;
}

/** The runs of each watched module. */
async function countsOf(
  model: Module,
  x: Tensor,
  watched: ReadonlySet<Module>,
  options: FiringRatesOptions,
): Promise<Map<Module, Count[]>> {
  const sums: [Module, Tensor, number][] = [];
  const observe = (module: Module, output: Tensor) => {
    if (!watched.has(module)) return;
    const [steps, samples] = output.shape as [number, number];
    sums.push([module, keep(tidy(() => sum(output, [0, 1]))), steps * samples]);
  };
  try {
    const { training = false, seed } = options;
    run(model, x, { training, ...(seed !== undefined && { seed }), observe }).dispose();
    const counts = new Map<Module, Count[]>();
    for (const [module, count, times] of sums) {
      counts.set(module, [...(counts.get(module) ?? []), { fired: await count.data(), times }]);
    }
    return counts;
  } finally {
    for (const [, count] of sums) count.dispose();
  }
}

/** The rate over all runs, of the `most` spikes in a time-step. It sums in float64: float32 loses single ones beyond 2²⁴. */
function rateOf(runs: readonly Count[], most: number, options: FiringRatesOptions): LayerRate {
  let [total, chances, neurons, silent] = [0, 0, 0, 0];
  for (const { fired, times } of runs) {
    neurons += fired.length;
    chances += fired.length * times * most;
    for (let i = 0; i < fired.length; i++) {
      total += fired[i]!;
      if (fired[i] === 0) silent++;
    }
  }
  const rate = { rate: total / chances, silent: silent / neurons };
  if (options.neurons !== true) return rate;
  const each = new Float32Array(neurons);
  let at = 0;
  for (const { fired, times } of runs) for (let i = 0; i < fired.length; i++) each[at++] = fired[i]! / (times * most);
  return { ...rate, neurons: each };
}

function warningsOn(path: string, rate: number): string[] {
  if (rate === 0) {
    return [
      `"${path}" never fires: nothing passes through it. Lower its vThreshold, or train with a lower learning ` +
        "rate if it fired at first; right after zero-init it is as intended.",
    ];
  }
  if (rate >= 1) {
    return [
      `"${path}" always fires: its spikes carry no information. Raise its vThreshold, or train with a lower learning ` +
        "rate if it was quieter at first; right after zero-init with AND it is as intended.",
    ];
  }
  return [];
}

function notRun(path: string): string {
  return `"${path}" did not run through run(), so its rate is unknown. Call it with run(module, x, context).`;
}
