/** @file Rows of `pnpm bench neurons`: a neuron over a sequence, forward and backward. */
import { parallelNeuronKernel } from "@sew/kernels";
import {
  composed,
  type MembraneParams,
  type Neuron,
  type NeuronModel,
  neuron,
  type ParallelNeuronModel,
  parallelNeuron,
  unroll,
} from "@sew/neurons";
import { random } from "@sew/random";
import {
  customGrad,
  engine,
  type GradSaveFunc,
  memory,
  randomUniform,
  scalar,
  type Tensor,
  tidy,
} from "@tensorflow/tfjs-core";
import { median, time } from "../timing.js";

/** A way to run a neuron: currents to spikes, and the tensors besides the currents that gradients reach. */
interface Way {
  readonly run: (x: Tensor) => Tensor;
  readonly parameters: readonly Tensor[];
}

/** A model by its name in the notation, and the ways to run it over sequences of so many steps. */
export interface NeuronRow {
  readonly name: string;
  readonly ways: (steps: number) => Readonly<Record<"program" | "composed", Way>>;
}

/** What was measured of one way to run a neuron. */
export interface PassFigures {
  /** Seconds of each forward and backward pass. */
  readonly seconds: readonly number[];
  /** Processor seconds of each, those of all threads. */
  readonly cpuSeconds: readonly number[];
  /** Bytes that the forward pass keeps for the backward pass, for each step of each neuron, besides the currents. */
  readonly bytes: number;
}

export interface NeuronFigures {
  readonly name: string;
  readonly steps: number;
  readonly neurons: number;
  /** The neuron's program, in one pass. */
  readonly program: PassFigures;
  /** One operation after the other. */
  readonly composed: PassFigures;
}

/** The row of a model of `neuronModels`. */
export function neuronRow(name: string, model: NeuronModel<MembraneParams, string>): NeuronRow {
  const ways = () => {
    // Its learned parameters are tensors, which gradients reach.
    const numbers = model.defaults as unknown as Readonly<Record<string, number>>;
    const tensors = Object.keys(model.learns ?? {}).map((key) => [key, scalar(numbers[key]!)]);
    const own = neuron(model, Object.fromEntries(tensors) as Partial<MembraneParams>);
    const wayOf = (each: Neuron): Way => ({ run: (x) => unroll(each, x).spikes, parameters: each.parameters });
    return { program: wayOf(own), composed: wayOf(composed(own)) };
  };
  return { name, ways };
}

/** The row of a model of `parallelNeuronModels`. */
export function parallelRow(name: string, model: ParallelNeuronModel<object>): NeuronRow {
  const ways = (steps: number) => {
    const own = parallelNeuron(model, { steps });
    const { uniform } = random(9);
    const weights = own.initial((bound) => uniform(-bound, bound));
    const parameters = [weights.weight, weights.bias];
    const composed = (x: Tensor) => parallelNeuronKernel.composed([x, ...own.matrices(x, weights)], own.formula)[0]!;
    return {
      program: { run: (x: Tensor) => own(x, weights).spikes, parameters },
      composed: { run: composed, parameters },
    };
  };
  return { name, ways };
}

/** Times the forward and backward pass of one way over currents `[T, neurons]`. */
async function measurePass({ run, parameters }: Way, x: Tensor, dSpikes: Tensor, runs: number): Promise<PassFigures> {
  let bytes = 0;
  const liveBytes = () => (memory() as unknown as { liveBytes: number }).liveBytes;
  const pass = () =>
    tidy(() => {
      const before = liveBytes();
      // Its gradient comes first in the backward pass, when all that the forward pass keeps is in memory.
      const observed = customGrad((...args) => {
        const [y, save] = args as [Tensor, GradSaveFunc];
        save([]);
        const gradFunc = (dy: Tensor) => {
          bytes = (liveBytes() - before) / x.size;
          return dy.clone();
        };
        return { value: y.clone(), gradFunc };
      });
      engine().gradients(() => observed(run(x)), [x, ...parameters], dSpikes, true);
    });
  const cpuSeconds: number[] = [];
  const seconds = await time(() => {
    const before = process.cpuUsage();
    pass();
    const { user, system } = process.cpuUsage(before);
    cpuSeconds.push((user + system) / 1e6);
  }, runs);
  return { seconds, cpuSeconds: cpuSeconds.slice(-runs), bytes };
}

/** Times both ways to run a neuron. */
export async function measureNeuron(row: NeuronRow, shape: [number, number], runs: number): Promise<NeuronFigures> {
  const ways = row.ways(shape[0]);
  const x = randomUniform(shape, -1, 3, "float32", 7);
  const dSpikes = randomUniform(shape, -1, 1, "float32", 8);
  const program = await measurePass(ways.program, x, dSpikes, runs);
  const composed = await measurePass(ways.composed, x, dSpikes, runs);
  for (const t of [x, dSpikes]) t.dispose();
  return { name: row.name, steps: shape[0], neurons: shape[1], program, composed };
}

/** Nanoseconds of a step of a neuron, on one core. */
const nanoseconds = ({ steps, neurons }: NeuronFigures, { cpuSeconds }: PassFigures) =>
  (1e9 * median(cpuSeconds)) / (steps * neurons);

/** A line of the terminal's table for each row. */
export function neuronTable(figures: readonly NeuronFigures[]): Record<string, string>[] {
  const lif = figures.find(({ name }) => name === "LIF");
  return figures.map((row) => {
    const [program, composed] = [nanoseconds(row, row.program), nanoseconds(row, row.composed)];
    return {
      neuron: row.name,
      "program, ns": program.toFixed(2),
      "composed, ns": composed.toFixed(2),
      faster: `${(composed / program).toFixed(1)}x`,
      ...(lif !== undefined && { "of LIF": `${(program / nanoseconds(lif, lif.program)).toFixed(2)}x` }),
      "program, bytes": row.program.bytes.toFixed(2),
      "composed, bytes": row.composed.bytes.toFixed(2),
    };
  });
}
