/** @file Synaptic operations: what the layers with weights have to compute, under each published convention. */
import { type ConvGeometry, emissionOf, type Module, namedModules } from "@sew/layers";
import { any, clone, keep, notEqual, slice, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { operationCosts } from "./energy.js";
import { fanOut } from "./fanOut.js";
import { type MeasureOptions, measureAs, type Probe } from "./probe.js";
import type { Activity } from "./readings.js";

/**
 * What a layer takes in: `binary` is 0 and 1; `counts` are whole numbers from 0 on, such as sums of spikes (ADD) or the events
 * of a frame; all else is `reals`, and so are whole numbers in front of all neurons whose mean is above 5.1, as those of images
 * of 8 bits: a multiply-accumulate takes less than so many additions.
 */
export type InputKind = "binary" | "counts" | "reals";

/** The operations of a convolution or linear layer. All numbers are for one sample, and for all its time-steps. */
export interface LayerOps {
  /** What its input holds. */
  readonly input: InputKind;
  /** The fraction of its input that is not 0. */
  readonly density: number;
  /** The mean of its input: of `binary` its firing rate. */
  readonly mean: number;
  /** Time-steps that it ran for. A stem that is computed once for a static image ran for 1. */
  readonly steps: number;
  /**
   * SynOps by the exact convention: `Σ_{t, y, x, c} S · fanout(y, x) · C_out / groups`, where fanout counts the output positions
   * that an input position really reaches. A value k of `counts` is k events: an accumulation each. 0 of `reals`.
   */
  readonly exact: number;
  /** SynOps by the rate convention: the mean of the input times `macs`, which counts positions of the padding too. 0 of `reals`. */
  readonly rate: number;
  /** Dense multiply-accumulates, `T · k² · H_out · W_out · C_in · C_out / groups`. */
  readonly macs: number;
  /** Those of them that read no padding: the exact SynOps if all inputs were 1. */
  readonly validMacs: number;
  /**
   * Whether it lies in front of all neurons, and its input, in the last pass, is real numbers that are the same at every one of
   * several time-steps, as a repeated image is.
   */
  readonly repeats: boolean;
}

/** Sums over layers, for one sample and all its time-steps. */
export interface TotalOps {
  /** SynOps of the layers whose input is `binary` or `counts`, by the exact and the rate convention. */
  readonly exact: number;
  readonly rate: number;
  /** Dense multiply-accumulates of the layers whose input is `reals`, as they ran. */
  readonly realMacs: number;
  /** The same, with layers whose input repeats counted for one time-step. */
  readonly realMacsOnce: number;
  /** SynOps (exact) of the layers whose input is `counts`, and their dense multiply-accumulates. */
  readonly countExact: number;
  readonly countMacs: number;
  /** Dense multiply-accumulates of all layers, and those that read no padding. */
  readonly macs: number;
  readonly validMacs: number;
}

/** Synaptic operations by the paths of the layers, in the order in which they ran. */
export interface SynOps {
  readonly layers: Readonly<Record<string, LayerOps>>;
  readonly total: TotalOps;
  /** Samples that the numbers are means of. */
  readonly samples: number;
  /** A sentence on each module that has weights but is not counted, and on whole numbers that are large for events. */
  readonly warnings: readonly string[];
}

/** Options of {@link synOps}. */
export interface SynOpsOptions extends Pick<MeasureOptions, "training" | "seed"> {}

/**
 * Synaptic operations (SynOps) of every convolution and linear layer, classifier and shortcuts included, in one forward pass.
 *
 * Two conventions are published, and differ: `exact` counts the accumulations that spikes cause (SpikingJelly 2, Sinabs), `rate`
 * multiplies firing rates with dense multiply-accumulates (Spikformer and most papers, syops-counter), and so counts those of the
 * padding too. After g = ADD a layer takes in counts: both conventions take a count k as k spikes, since the
 * same results come from convolving A and S each by itself. `countMacs` is what such layers cost where they are taken for dense
 * ones, as some tools do.
 *
 * Not counted: biases, norms (which an inference folds into weights), neurons, residual sums, pooling, and all traffic of memory.
 *
 * @param model any module whose children run through `run`
 * @param x a sequence `[T, N, ...]`
 * @returns numbers for one sample and all its time-steps
 * @throws RangeError when `x` has no time and batch axis or is empty
 * @see docs/energy.md
 *
 * @example
 * const net = network("c2k3", { height: 4, width: 4, inChannels: 1 });
 * const spikes = tensor5d([1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1], [1, 1, 4, 4, 1]);
 * const { layers } = await synOps(net, spikes);
 * layers.conv0.exact; // 50
 * layers.conv0.rate; // 90
 * layers.conv0.macs; // 288
 */
export async function synOps(
  model: Module,
  x: Tensor,
  { training = false, seed }: SynOpsOptions = {},
): Promise<SynOps> {
  const context = { training, ...(seed !== undefined && { seed }) };
  return (await measureAs("synOps", model, x, { ops: synOpsProbe() }, context)).ops;
}

/** What is kept of one run of a layer. */
interface Kept {
  readonly input: Activity;
  readonly output: readonly number[];
  /** Whether the layer lies in front of all neurons. */
  readonly inFront: boolean;
  /** The pass that it belongs to. */
  readonly pass: object;
}

/**
 * Measures {@link synOps} in passes that run anyway, such as training steps, or beside other measurements.
 *
 * @example
 * const net = sequential({ flatten: flatten(), classifier: linear(4, 3) });
 * const { ops } = await measure(net, ones([2, 1, 2, 2, 1]), { ops: synOpsProbe() });
 * ops.layers.classifier.exact; // 24
 */
export function synOpsProbe(): Probe<SynOps> {
  return (model) => {
    const paths = new Map<Module, string>();
    for (const [path, module] of namedModules(model)) if (!paths.has(module)) paths.set(module, path);
    const runs = new Map<Module, Kept[]>();
    /** Inputs of the last pass that may be the same at every time-step: those of layers in front of all neurons. */
    const frames = new Map<Module, Tensor[]>();
    const forgetFrames = () => {
      for (const x of [...frames.values()].flat()) x.dispose();
      frames.clear();
    };
    const clear = () => {
      for (const { input } of [...runs.values()].flat()) input.release();
      runs.clear();
      forgetFrames();
    };
    let pass: object | undefined;
    let behindNeurons = false;
    return {
      observe({ module, output, input: inputOf, readings }) {
        if (readings !== pass) {
          behindNeurons = false;
          forgetFrames();
        }
        pass = readings;
        const emits = emissionOf(module)?.kind;
        if (emits === "bits" || emits === "counts") behindNeurons = true;
        if (geometryOf(module) === undefined) return;
        const x = inputOf();
        const input = readings.activity(x).retain();
        const kept = { input, output: output.shape, inFront: !behindNeurons, pass: readings };
        runs.set(module, [...(runs.get(module) ?? []), kept]);
        if (!behindNeurons) frames.set(module, [...(frames.get(module) ?? []), keep(clone(x))]);
      },
      async read() {
        try {
          const layers: [string, LayerOps][] = [];
          const warnings: string[] = [];
          let samples = 0;
          for (const [module, kept] of runs) {
            const { ops, samples: seen, areCounts } = await layerOps(module, kept, frames.get(module) ?? []);
            samples = Math.max(samples, seen);
            const path = paths.get(module) ?? "";
            layers.push([path, ops]);
            if (areCounts && ops.mean > breakEven) warnings.push(warningOnInput(path, ops.input, ops.mean));
          }
          warnings.push(...[...paths].flatMap(([module, path]) => warningsOn(module, path, runs.has(module))));
          return {
            layers: Object.fromEntries(layers),
            total: totalOf(layers.map(([, ops]) => ops)),
            samples,
            warnings,
          };
        } finally {
          clear();
        }
      },
      dispose: clear,
    };
  };
}

/** How a convolution or linear layer lies; undefined of what is none. */
function geometryOf(module: Module): ConvGeometry | undefined {
  return (module as { geometry?: ConvGeometry }).geometry;
}

function warningsOn(module: Module, path: string, ran: boolean): string[] {
  if (geometryOf(module) !== undefined) {
    return ran
      ? []
      : [`"${path}" did not run through run(), so it is not counted. Call it with run(module, x, context).`];
  }
  const { weight } = module.parameters ?? {};
  if (weight === undefined || weight.rank < 2 || emissionOf(module) !== undefined) return [];
  return [`"${path}" has weights and no geometry, so it is not counted. Make it with conv2d or linear.`];
}

/** From so many events on, additions take more than one multiply-accumulate: 5.1 at fp32. */
const breakEven = operationCosts.fp32.mac / operationCosts.fp32.ac;

/** Of whole numbers that are large for events. */
function warningOnInput(path: string, kind: InputKind, mean: number): string {
  const seen = `"${path}" takes in whole numbers of mean ${mean.toPrecision(3)}`;
  return kind === "reals"
    ? `${seen} from the network's input, as of an image, so it is counted in multiply-accumulates. Counts of events are smaller.`
    : `${seen}, each an addition for each output: more than multiply-accumulates take. Compare countsAsMacs of energy.`;
}

/** The operations of a layer in all its runs, for one sample, and how many samples there were. */
async function layerOps(
  module: Module,
  runs: readonly Kept[],
  frames: readonly Tensor[],
): Promise<{ ops: LayerOps; samples: number; areCounts: boolean }> {
  const geometry = geometryOf(module)!;
  let [samples, size, sum, active, exact, rate, macs, validMacs] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [least, most, whole] = [0, 0, true];
  const passes = new Set<object>();
  for (const { input, output, pass } of runs) {
    const { shape } = input;
    const batch = shape[1]!;
    // A layer in two places runs twice for each sample.
    if (!passes.has(pass)) samples += batch;
    passes.add(pass);
    const read = await input.read();
    least = Math.min(least, read.least);
    most = Math.max(most, read.most);
    whole &&= read.whole;
    const own = opsOf(read.perPosition, shape, output, geometry);
    const runSize = shape.reduce((a, b) => a * b, 1);
    const total = read.perSample.reduce((a, b) => a + b, 0);
    size += runSize;
    sum += total;
    active += read.density * runSize;
    exact += own.events;
    rate += (total / runSize) * own.macs;
    macs += own.macs;
    validMacs += own.validMacs;
  }
  const areCounts = whole && least >= 0;
  const isImage = runs.every(({ inFront }) => inFront) && sum / size > breakEven;
  const kind: InputKind = !areCounts || isImage ? "reals" : most <= 1 ? "binary" : "counts";
  const isSpikes = kind !== "reals";
  return {
    ops: {
      input: kind,
      density: active / size,
      mean: sum / size,
      steps: runs[0]!.input.shape[0]!,
      exact: isSpikes ? exact / samples : 0,
      rate: isSpikes ? rate / samples : 0,
      macs: macs / samples,
      validMacs: validMacs / samples,
      repeats: !isSpikes && (await repeats(frames)),
    },
    samples,
    areCounts,
  };
}

/** Whether inputs `[T, N, ...]`, of which there are some, are the same at each of several time-steps. */
async function repeats(inputs: readonly Tensor[]): Promise<boolean> {
  if (inputs.length === 0 || inputs.some(({ shape: [steps] }) => steps === 1)) return false;
  for (const x of inputs) {
    const moves = tidy(() => any(notEqual(x, slice(x, [0], [1]))));
    const [differs] = await moves.data();
    moves.dispose();
    if (differs !== 0) return false;
  }
  return true;
}

/** Events and multiply-accumulates of one run, for all samples. */
function opsOf(
  perPosition: ArrayLike<number>,
  input: readonly number[],
  output: readonly number[],
  geometry: ConvGeometry,
): { events: number; macs: number; validMacs: number } {
  const [steps, batch] = input as [number, number];
  const isImage = input.length === 5;
  const [height, width] = isImage ? (input.slice(2, 4) as [number, number]) : [1, 1];
  const [rows, columns] = isImage ? (output.slice(2, 4) as [number, number]) : [1, 1];
  const [inChannels, outChannels] = [input.at(-1)!, output.at(-1)!];
  const outputsPerInput = outChannels / geometry.groups;
  const [down, across] = [fanOut(height, rows, geometry), fanOut(width, columns, geometry)];
  let events = 0;
  let reached = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fan = down[y]! * across[x]!;
      reached += fan;
      events += fan * perPosition[y * width + x]!;
    }
  }
  const macsPerTap = steps * batch * inChannels * outputsPerInput;
  return {
    events: events * outputsPerInput,
    macs: macsPerTap * geometry.kernel ** 2 * rows * columns,
    validMacs: macsPerTap * reached,
  };
}

function totalOf(layers: readonly LayerOps[]): TotalOps {
  const sum = (of: (ops: LayerOps) => number, only?: InputKind): number =>
    layers.reduce((total, ops) => total + (only === undefined || ops.input === only ? of(ops) : 0), 0);
  return {
    exact: sum(({ exact }) => exact),
    rate: sum(({ rate }) => rate),
    realMacs: sum(({ macs }) => macs, "reals"),
    realMacsOnce: sum(({ macs, repeats, steps }) => (repeats ? macs / steps : macs), "reals"),
    countExact: sum(({ exact }) => exact, "counts"),
    countMacs: sum(({ macs }) => macs, "counts"),
    macs: sum(({ macs }) => macs),
    validMacs: sum(({ validMacs }) => validMacs),
  };
}
