/** @file Firing rates: Φ of every spiking layer and every block of a network. */
import { emissionOf, type Module, namedModules } from "@sew/layers";
import { keep, sum, type Tensor } from "@tensorflow/tfjs-core";
import { blocksOf } from "./blocksOf.js";
import { type MeasureOptions, measureAs, type Probe } from "./probe.js";
import type { Activity, Readings } from "./readings.js";

/** Firing rate of a spiking layer. */
export interface LayerRate {
  /** Φ, the mean of its spikes: from 0, no neuron ever fires, to 1, all neurons fire in each time-step. */
  readonly rate: number;
  /** Φ of each time-step. */
  readonly perStep: readonly number[];
  /** The fraction of its neurons that never fire, from 0 to 1. */
  readonly silent: number;
  /** The fraction of its neurons that fire in each time-step of each sample, with the most that they can, from 0 to 1. */
  readonly saturated: number;
  /** The rate of each neuron, from 0 to 1. Absent without the option `neurons`. */
  readonly neurons?: Float32Array;
}

/** A number, or numbers, of S^l, A^l and O^l of a block. */
export interface OfBlock<V> {
  /** S^l, the block's input. */
  readonly input: V;
  /** A^l, the spikes of the residual path. Absent where the path does not end in neurons of its own. */
  readonly residual?: V;
  /** O^l, the block's output. */
  readonly output: V;
}

/** Means of S^l, A^l and O^l. Of g = ADD, S^l and O^l are sums, and their means may exceed 1. */
export interface BlockRate extends OfBlock<number> {
  /** The means of each time-step. */
  readonly perStep: OfBlock<readonly number[]>;
  /** The fractions of values that are not 0: of 0 and 1 the means. */
  readonly density: OfBlock<number>;
}

/** Firing rates by the paths of the modules, as `namedModules` gives them, outer before inner. */
export interface FiringRates {
  readonly layers: Readonly<Record<string, LayerRate>>;
  readonly blocks: Readonly<Record<string, BlockRate>>;
  /** A sentence on each layer that never or always fires, or did not run, with a remedy. */
  readonly warnings: readonly string[];
}

/** Options of {@link firingRateProbe}. */
export interface FiringRateProbeOptions {
  /**
   * Whether to look at each neuron, for `silent` and `saturated`, which are NaN without. It takes as much time as all the
   * rest. @defaultValue true
   */
  readonly shares?: boolean;
  /** Whether each layer has the rates of its neurons too. @defaultValue false */
  readonly neurons?: boolean;
}

/** Options of {@link firingRates}. */
export interface FiringRatesOptions extends Pick<MeasureOptions, "training" | "seed">, FiringRateProbeOptions {}

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
 * rates.layers; // { neurons: { rate: 0.25, perStep: [0.5, 0], silent: 0.5, saturated: 0 } }
 */
export async function firingRates(
  model: Module,
  x: Tensor,
  { training = false, seed, ...options }: FiringRatesOptions = {},
): Promise<FiringRates> {
  const context = { training, ...(seed !== undefined && { seed }) };
  const { rates } = await measureAs("firingRates", model, x, { rates: firingRateProbe(options) }, context);
  return rates;
}

/**
 * Measures {@link firingRates} in passes that run anyway, or beside other measurements.
 *
 * @example
 * const net = sequential({ neurons: neurons(integrateAndFire)(1) });
 * const { rates } = await measure(net, tensor3d([[[1, 0]], [[0, 0]]]), { rates: firingRateProbe() });
 * rates.layers.neurons.rate; // 0.25
 */
export function firingRateProbe(options: FiringRateProbeOptions = {}): Probe<FiringRates> {
  return (model) => {
    const { shares = true, neurons = false } = options;
    const paths = pathsOf(model);
    const blocks = blocksOf(model);
    const ofBlocks = new Map(blocks.map((block) => [block.block, block]));
    const residuals = new Set(blocks.flatMap(({ residual }) => residual ?? []));
    /** What each module put out, and what blocks took in, one entry a run. */
    const outputs = new Map<Module, Kept[]>();
    const inputs = new Map<Module, Kept[]>();
    const clear = () => {
      for (const kept of [...outputs.values(), ...inputs.values()].flat()) free(kept);
      outputs.clear();
      inputs.clear();
    };
    return {
      observe({ module, output, input, readings }) {
        const spikes = mostSpikes(module) > 0;
        const block = ofBlocks.get(module);
        if (!spikes && block === undefined && !residuals.has(module)) return;
        add(outputs, module, keptOf(output, readings, spikes && (shares || neurons)));
        if (block !== undefined) add(inputs, module, keptOf(input(), readings, false));
      },
      async read() {
        try {
          const layers: [string, LayerRate][] = [];
          for (const [module, path] of paths) {
            const runs = outputs.get(module);
            const most = mostSpikes(module);
            if (runs !== undefined && most > 0) layers.push([path, await layerRate(runs, most, { shares, neurons })]);
          }
          const rates: [string, BlockRate][] = [];
          for (const { block, residual } of blocks) {
            const [output, input] = [outputs.get(block), inputs.get(block)];
            const a = residual && outputs.get(residual);
            if (output === undefined || input === undefined) continue;
            const measured = {
              input: await meansOf(input),
              ...(a && { residual: await meansOf(a) }),
              output: await meansOf(output),
            };
            const each = <V>(pick: (means: Means) => V): OfBlock<V> => mapped(measured, pick);
            const perStep = each((means) => means.perStep);
            const density = each((means) => means.density);
            rates.push([paths.get(block)!, { ...each(({ mean }) => mean), perStep, density }]);
          }
          const watched = [...paths.keys()].filter(
            (module) => mostSpikes(module) > 0 || ofBlocks.has(module) || residuals.has(module),
          );
          return {
            layers: Object.fromEntries(layers),
            blocks: Object.fromEntries(rates),
            warnings: [
              ...layers.flatMap(([path, { rate }]) => warningsOn(path, rate)),
              ...watched.filter((module) => !outputs.has(module)).map((module) => notRun(paths.get(module)!)),
            ],
          };
        } finally {
          clear();
        }
      },
      dispose: clear,
    };
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

/** What is kept of one run of a module. */
interface Kept {
  readonly activity: Activity;
  /** How often each neuron fires in all time-steps of all samples. */
  readonly fired: Tensor | undefined;
}

function keptOf(x: Tensor, readings: Readings, each: boolean): Kept {
  return { activity: readings.activity(x).retain(), fired: each ? keep(sum(x, [0, 1])) : undefined };
}

function free({ activity, fired }: Kept): void {
  activity.release();
  fired?.dispose();
}

function add(runs: Map<Module, Kept[]>, module: Module, kept: Kept): void {
  const known = runs.get(module);
  if (known === undefined) runs.set(module, [kept]);
  else known.push(kept);
}

/** Means of a tensor. */
interface Means {
  readonly mean: number;
  readonly perStep: readonly number[];
  readonly density: number;
}

function mapped<V, W>({ input, residual, output }: OfBlock<V>, f: (value: V) => W): OfBlock<W> {
  return { input: f(input), ...(residual !== undefined && { residual: f(residual) }), output: f(output) };
}

/** The means of all runs. It sums in float64: float32 loses single ones beyond 2²⁴. */
async function meansOf(runs: readonly Kept[]): Promise<Means> {
  const totals: number[] = [];
  const sizes: number[] = [];
  let active = 0;
  for (const { activity } of runs) {
    const samples = activity.shape[1]!;
    const { perSample, density } = await activity.read();
    const all = sizeOf(activity.shape);
    const size = all / perSample.length;
    for (const [i, value] of perSample.entries()) {
      const step = Math.floor(i / samples);
      totals[step] = (totals[step] ?? 0) + value;
      sizes[step] = (sizes[step] ?? 0) + size;
    }
    active += density * all;
  }
  const all = total(sizes);
  return { mean: total(totals) / all, perStep: totals.map((sum, t) => sum / sizes[t]!), density: active / all };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** The rate over all runs, of the `most` spikes in a time-step. */
async function layerRate(
  runs: readonly Kept[],
  most: number,
  { shares, neurons }: Required<FiringRateProbeOptions>,
): Promise<LayerRate> {
  const { mean, perStep } = await meansOf(runs);
  let [count, silent, saturated] = [0, 0, 0];
  const each: Float32Array[] = [];
  for (const { activity, fired } of runs) {
    if (fired === undefined) continue;
    const chances = activity.shape[0]! * activity.shape[1]! * most;
    const values = await fired.data<"float32">();
    count += values.length;
    for (const value of values) {
      if (value === 0) silent++;
      else if (value === chances) saturated++;
    }
    if (neurons) each.push(values.map((value) => value / chances));
  }
  return {
    rate: mean / most,
    perStep: perStep.map((value) => value / most),
    silent: shares ? silent / count : Number.NaN,
    saturated: shares ? saturated / count : Number.NaN,
    ...(neurons && { neurons: joined(each) }),
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(total(parts.map(({ length }) => length)));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
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
