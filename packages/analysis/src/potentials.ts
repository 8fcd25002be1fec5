/** @file Histograms of how far charged neurons are from their threshold. */
import { emissionOf, type Module, type NeuronLayer, namedModules, type ParallelNeuronLayer } from "@sew/layers";
import {
  add,
  bincount,
  cast,
  clipByValue,
  div,
  floor,
  isNaN as isNotANumber,
  keep,
  reshape,
  slice,
  stack,
  sub,
  type Tensor,
  type Tensor1D,
  tensor1d,
  unstack,
  where,
} from "@tensorflow/tfjs-core";
import { type MeasureOptions, measureAs, type Probe } from "./probe.js";

/** How the values of a layer are spread. */
export interface Histogram {
  /** The edges of the bins, one more than there are bins. A bin holds its lower edge. */
  readonly edges: readonly number[];
  /** Values in each bin. */
  readonly counts: readonly number[];
  /** The same for each time-step. */
  readonly perStep: readonly (readonly number[])[];
  /** Values below the first edge, from the last edge on, and that are NaN. */
  readonly below: number;
  readonly above: number;
  readonly nan: number;
}

/** Options of {@link potentialProbe}. */
export interface PotentialProbeOptions {
  /** The first and the last edge, in units of the potential. @defaultValue [-4, 4] */
  readonly range?: readonly [least: number, most: number];
  /** Bins, all of one width; 1 or more. @defaultValue 64 */
  readonly bins?: number;
}

/** Options of {@link potentials}. */
export interface PotentialsOptions extends Pick<MeasureOptions, "training" | "seed">, PotentialProbeOptions {}

/**
 * Histograms of `H[t] − V_th`, the charged potential above threshold, of every neuron layer, in one forward pass: the argument
 * of the spike function, which is 1 from 0 on.
 *
 * The fused kernels of a pass hold H in no memory: it is computed a second time, from the layer's input currents, step by
 * step, which takes several times as long as the pass. V_th is what the model takes for it: of `alif` it rises with the spikes; of
 * parallel neurons, whose bias is the threshold, H itself is shown. Models that fire without the spike function, such as `ilif`,
 * which rounds, and `li`, have no histogram. Where norm and neurons are one kernel, currents are those up to rounding.
 *
 * @param model any module whose children run through `run`
 * @param x a sequence `[T, N, ...]`
 * @returns histograms by the paths of the layers
 * @throws RangeError when `x` has no time and batch axis or is empty, or an option is out of its range
 *
 * @example
 * const net = sequential({ neurons: neurons(integrateAndFire)(2) });
 * const x = tensor3d([[[0.5, 1.5]], [[0.25, 0.5]]]);
 * const { neurons: histogram } = await potentials(net, x, { range: [-1, 1], bins: 2 });
 * histogram.perStep; // [[1, 1], [2, 0]]
 */
export async function potentials(
  model: Module,
  x: Tensor,
  { training = false, seed, ...options }: PotentialsOptions = {},
): Promise<Readonly<Record<string, Histogram>>> {
  const context = { training, ...(seed !== undefined && { seed }) };
  return (await measureAs("potentials", model, x, { found: probeOf("potentials", options) }, context)).found;
}

/**
 * Measures {@link potentials} beside other measurements.
 *
 * @throws RangeError when an option is out of its range
 *
 * @example
 * const net = sequential({ neurons: neurons(integrateAndFire)(1) });
 * const { h } = await measure(net, tensor3d([[[3]]]), { h: potentialProbe({ range: [0, 4], bins: 4 }) });
 * h.neurons.counts; // [0, 0, 1, 0]
 */
export function potentialProbe(options: PotentialProbeOptions = {}): Probe<Readonly<Record<string, Histogram>>> {
  return probeOf("potentialProbe", options);
}

function probeOf(
  caller: string,
  { range: [least, most] = [-4, 4], bins = 64 }: PotentialProbeOptions,
): Probe<Readonly<Record<string, Histogram>>> {
  if (!(Number.isFinite(least) && Number.isFinite(most) && least < most)) {
    throw new RangeError(`${caller}: range must be two finite numbers that rise, got ${least} and ${most}`);
  }
  if (!(Number.isInteger(bins) && bins >= 1)) {
    throw new RangeError(`${caller}: bins must be an integer of at least 1, got ${bins}`);
  }
  const width = (most - least) / bins;
  const edges = Array.from({ length: bins + 1 }, (_, i) => (i === bins ? most : least + i * width));
  return (model) => {
    const paths = new Map<Module, string>();
    for (const [path, module] of namedModules(model)) if (!paths.has(module)) paths.set(module, path);
    /** Counts `[T, bins + 3]` of each run: below, the bins, above, NaN. */
    const counted = new Map<Module, Tensor[]>();
    const clear = () => {
      for (const counts of [...counted.values()].flat()) counts.dispose();
      counted.clear();
    };
    const countsOf = (u: Tensor): Tensor => {
      const bin = add(floor(div(sub(reshape(u, [-1]), least), width)), 1);
      const places = where(isNotANumber(bin), bins + 2, clipByValue(bin, 0, bins + 1));
      return bincount(cast(places, "int32") as Tensor1D, tensor1d([]), bins + 3);
    };
    return {
      observe({ module, input }) {
        const steps = stepsOf(module);
        if (steps === undefined) return;
        const counts: Tensor[] = [];
        steps(input(), (u) => counts.push(countsOf(u)));
        if (counts.length === 0) return;
        counted.set(module, [...(counted.get(module) ?? []), keep(stack(counts))]);
      },
      async read() {
        try {
          const found: [string, Histogram][] = [];
          for (const [module, path] of paths) {
            const runs = counted.get(module);
            if (runs === undefined) continue;
            const rows = (await Promise.all(runs.map((counts) => counts.array()))) as number[][][];
            found.push([path, histogramOf(edges, rows)]);
          }
          return Object.fromEntries(found);
        } finally {
          clear();
        }
      },
      dispose: clear,
    };
  };
}

/** Sums the counts of all runs. */
function histogramOf(edges: readonly number[], runs: readonly number[][][]): Histogram {
  const steps = runs.reduce((most, { length }) => Math.max(most, length), 0);
  const perStep = Array.from({ length: steps }, (_, t) => sumOf(runs.flatMap((rows) => rows.slice(t, t + 1))));
  const [below = 0, ...rest] = sumOf(perStep);
  const inside = (counts: readonly number[]) => counts.slice(1, -2);
  return {
    edges,
    counts: rest.slice(0, -2),
    perStep: perStep.map(inside),
    below,
    above: rest.at(-2) ?? 0,
    nan: rest.at(-1) ?? 0,
  };
}

function sumOf(rows: readonly (readonly number[])[]): number[] {
  return rows.reduce<number[]>((sum, row) => row.map((value, i) => value + (sum[i] ?? 0)), []);
}

/** Calls f with `H[t] − V_th` of each time-step, or never; undefined of what is no layer of neurons. */
function stepsOf(module: Module): ((currents: Tensor, f: (u: Tensor) => void) => void) | undefined {
  if (emissionOf(module) === undefined) return undefined;
  const { neuron } = module as Partial<NeuronLayer>;
  if (neuron !== undefined) {
    return (currents, f) => {
      let state = neuron.initialState(currents.shape.slice(1));
      for (const x of unstack(currents)) {
        const u = neuron.spikeArgument(neuron.charge(state, x));
        if (u === undefined) return;
        f(u);
        state = neuron(state, x).state;
      }
    };
  }
  const { parallel, parameters } = module as Partial<ParallelNeuronLayer>;
  if (parallel === undefined) return undefined;
  return (currents, f) => {
    const u = parallel.charge(currents, parameters!);
    for (let t = 0; t < u.shape[0]!; t++) f(slice(u, [t], [1]));
  };
}
