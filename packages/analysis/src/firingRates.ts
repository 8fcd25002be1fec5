/** @file How often neurons fire: Φ of every spiking layer and every block of a network. */
import { evaluation, type Module, type NeuronLayer, namedModules, run } from "@sew/layers";
import { keep, sum, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { blocksOf } from "./blocksOf.js";

/** How a spiking layer fires. */
export interface LayerRate {
  /** Φ, the mean of its spikes: from 0, never, to 1, always. */
  readonly rate: number;
  /** The fraction of its neurons that never fire, from 0 to 1. */
  readonly silent: number;
}

/** What comes out of a block. */
export interface BlockRate {
  /** The mean of A^l, the spikes of the residual path; absent where the path ends in no spikes of its own. */
  readonly residual?: number;
  /** The mean of O^l, the block's output. With g = ADD it is a mean count and may exceed 1. */
  readonly output: number;
}

/** Firing rates by the paths of the modules, as `namedModules` gives them, outer before inner. */
export interface FiringRates {
  readonly layers: Readonly<Record<string, LayerRate>>;
  readonly blocks: Readonly<Record<string, BlockRate>>;
  /** Sentences on the layers that never fire or always do, each with a remedy. */
  readonly warnings: readonly string[];
}

/** Options of {@link firingRates}. */
export interface FiringRatesOptions {
  /**
   * Whether batch norm uses the statistics of the batch, as it must for a network that was never trained. It updates its
   * running statistics then, and dropout drops.
   */
  readonly training?: boolean;
  /** Where the random choices of dropout start, in training. */
  readonly seed?: number;
}

/**
 * Firing rates `Φ = Σ S / (T · N · neurons)` of every spiking layer and every block, in one forward pass.
 *
 * A spiking layer is any module with a property `neuron`. A block is any module, the root aside, that has a
 * conv-norm-neuron unit among its children and no block inside; a unit is a module without grandchildren one of whose
 * children is a spiking layer. Its residual path ends in the last such unit, one named `shortcut` or `downsample` aside;
 * where the block has a spiking layer of its own, as Spiking ResNet's, that one makes the output and there is no A^l.
 *
 * @param model must run the modules in it through `run`, each once in a pass
 * @param x a sequence `[T, N, ...]`, such as frames `[T, N, H, W, C]`
 * @throws RangeError when `x` is no such sequence or is empty, or a module runs twice
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
  const [steps, samples] = x.shape as [number, number];
  const paths = new Map([...namedModules(model)].map(([path, module]) => [module, path]));
  const blocks = blocksOf(model);
  const watched = new Set<Module>(blocks.flatMap(({ block, residual }) => (residual ? [block, residual] : [block])));
  for (const module of paths.keys()) if (isSpiking(module)) watched.add(module);

  const counts = await countsOf(model, x, watched, paths, options);
  const rates = new Map([...counts].map(([module, count]) => [module, rateOf(count, steps * samples)]));
  const layers: [string, LayerRate][] = [];
  for (const [module, path] of paths) {
    const rate = rates.get(module);
    if (rate !== undefined && isSpiking(module)) layers.push([path, rate]);
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

function isSpiking(module: Module): module is NeuronLayer {
  return "neuron" in module;
}

/** For each watched module that runs: how often each of its neurons fires in all steps of all samples. */
async function countsOf(
  model: Module,
  x: Tensor,
  watched: ReadonlySet<Module>,
  paths: ReadonlyMap<Module, string>,
  options: FiringRatesOptions,
): Promise<Map<Module, ArrayLike<number>>> {
  const sums = new Map<Module, Tensor>();
  const observe = (module: Module, output: Tensor) => {
    if (!watched.has(module)) return;
    if (sums.has(module)) {
      throw new RangeError(
        `firingRates: model must run each module once in a pass, got "${paths.get(module)}" twice; ` +
          "give each place a module of its own",
      );
    }
    sums.set(module, keep(tidy(() => sum(output, [0, 1]))));
  };
  try {
    run(model, x, { ...evaluation, ...options, observe }).dispose();
    return new Map(await Promise.all([...sums].map(async ([module, s]) => [module, await s.data()] as const)));
  } finally {
    for (const s of sums.values()) s.dispose();
  }
}

/** Sums in float64: float32 loses single spikes beyond 2²⁴ of them. */
function rateOf(counts: ArrayLike<number>, times: number): LayerRate {
  let [total, silent] = [0, 0];
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    total += count;
    if (count === 0) silent++;
  }
  return { rate: total / (counts.length * times), silent: silent / counts.length };
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
      `"${path}" fires always: its spikes carry no information. Raise its vThreshold, or train with a lower learning ` +
        "rate if it was quieter at first; right after zero-init with AND it is as intended.",
    ];
  }
  return [];
}

function notRun(path: string): string {
  return `"${path}" was not seen: it did not run, or not through run(). Call it with run(module, x, context).`;
}
