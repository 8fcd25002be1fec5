/**
 * @file Parallel spiking neurons: one product over time in the place of Eqs. 1 and 3.
 *
 * W. Fang et al., "Parallel Spiking Neurons with High Efficiency and Ability to Learn Long-term Dependencies", NeurIPS 2023.
 */
import { charged, type NeuronFormula, neuronFormula, parallelNeuron as runParallel, shown } from "@sew/kernels";
import { atan, type Spike } from "@sew/surrogates";
import { broadcastTo, clone, concat, slice, Tensor, type Tensor2D, tidy } from "@tensorflow/tfjs-core";

/** What a parallel neuron learns; one for all neurons of a layer. */
export interface ParallelWeights {
  /** The weights that make W, in the shape of the model. */
  readonly weight: Tensor;
  /** B: `[]`, or `[T, 1]` with one value per time-step. */
  readonly bias: Tensor;
}

/** A parallel neuron model: what makes the matrix W of `H = W X + B`. */
export interface ParallelNeuronModel<P extends object> {
  /** The name in error messages, in the notation of networks (in upper case) and on command lines. */
  readonly name: string;
  /** Parameters that have a default. */
  readonly defaults: Partial<P>;
  /**
   * The weights at the start.
   *
   * @param uniform draws a number in [−bound, bound)
   */
  initial(params: P, uniform: (bound: number) => number): ParallelWeights;
  /**
   * Rows of W: the weights `[steps, before + steps]` of the next time-steps, by the currents kept from before and their own.
   * Tensor operations alone, so that gradients reach `weight`.
   */
  rows(weight: Tensor, params: P, before: number, steps: number): Tensor2D;
  /** Whether no time-step depends on a later one. */
  causal(params: P): boolean;
  /** T, the time-steps that the weights are for. @defaultValue any number */
  steps?(params: P): number;
  /** How many currents back a time-step looks. @defaultValue to the first */
  lookback?(params: P): number;
  /** Throws `RangeError` when `params` are outside the model's domain. */
  check(params: P): void;
}

/** The next time-steps of a sequence. */
export interface ParallelStep {
  /** S `[steps, ...]`, 0 and 1. */
  readonly spikes: Tensor;
  /** The last currents, `[before, ...]`, that the steps after these depend on. */
  readonly past: Tensor;
}

/** A parallel neuron whose parameters are fixed. */
export interface ParallelNeuron {
  /**
   * @param x input currents `[steps, ...]`, time first
   * @param weights what it learned
   * @param past the currents that the call before returned. @defaultValue none: x starts a sequence
   */
  (x: Tensor, weights: ParallelWeights, past?: Tensor): ParallelStep;
  /** The name of its model. */
  readonly model: string;
  readonly params: object;
  readonly spike: Spike;
  /** The weights at the start; `uniform` draws a number in [−bound, bound). */
  readonly initial: (uniform: (bound: number) => number) => ParallelWeights;
  /** H = W X + B, of the shape of `x`; arguments as above. */
  readonly charge: (x: Tensor, weights: ParallelWeights, past?: Tensor) => Tensor;
  /** W `[steps, before + steps]` and B `[steps, 1]` of the time-steps of `x`; arguments as above. */
  readonly matrices: (x: Tensor, weights: ParallelWeights, past?: Tensor) => readonly [w: Tensor2D, b: Tensor];
  /** S = Θ(H) as a neuron without state: what kernels run. */
  readonly formula: NeuronFormula;
  /** Whether the sequence may come in pieces. */
  readonly causal: () => boolean;
  /** Time-steps after which H stays as it is under a constant current, or the sequence ends. */
  readonly span: number;
}

/**
 * A neuron without state and reset: `H = W X + B` over all time-steps, and `S[t] = Θ(H[t])`.
 *
 * Where no step depends on a later one, a sequence may come in pieces, with `past` handed over. One fused kernel computes the
 * product over time and fires where the backend has it; H is never in memory then.
 *
 * @param model the parallel model, such as `slidingPsn`
 * @param params parameters that differ from the model's defaults
 * @param spike the spike function. @defaultValue the paper's ArcTan with α = 2
 * @returns a function from currents and weights to spikes
 * @throws RangeError when a parameter is outside the model's domain, and, when called, when `x` has no or too many time-steps,
 *   or is a piece of a sequence whose steps depend on later ones, and when the weights have another shape than the initial ones
 *
 * @example
 * const step = parallelNeuron(slidingPsn, { order: 2 });
 * const weights = { weight: tensor1d([0.5, 1]), bias: scalar(-1) };
 * const { spikes } = step(tensor2d([[0.75], [0.75], [0.5], [1]]), weights);
 * spikes.arraySync(); // [[0], [1], [0], [1]]
 */
export function parallelNeuron<P extends object>(
  model: ParallelNeuronModel<P>,
  params: Partial<P> = {},
  spike: Spike = atan(),
): ParallelNeuron {
  const p = { ...model.defaults, ...params } as P;
  model.check(p);
  const formula = neuronFormula({
    name: model.name,
    params: {},
    state: () => ({}),
    step: (_, h) => ({ spikes: spike(h), state: {} }),
  });
  const joined = (x: Tensor, past?: Tensor): Tensor =>
    past === undefined || past.size === 0 ? clone(x) : concat([past, x]);
  let weightShape: readonly number[] | undefined;
  const matrices = (x: Tensor, weights: ParallelWeights, past?: Tensor) => {
    checkSteps(model, p, x, past);
    const [before, steps] = [past?.shape[0] ?? 0, x.shape[0]!];
    weightShape ??= tidy(() => model.initial(p, () => 0).weight.shape);
    checkWeights(model.name, weights, weightShape, model.steps?.(p) ?? before + steps);
    const { weight, bias } = weights;
    const b = bias.rank === 0 ? broadcastTo(bias, [steps, 1]) : slice(bias, [before], [steps]);
    return [model.rows(weight, p, before, steps), b] as const;
  };
  const charge = (x: Tensor, weights: ParallelWeights, past?: Tensor): Tensor =>
    tidy(() => charged(joined(x, past), ...matrices(x, weights, past)));
  const run = (x: Tensor, weights: ParallelWeights, past?: Tensor): ParallelStep =>
    tidy(() => {
      const [w, b] = matrices(x, weights, past);
      const all = joined(x, past);
      const [spikes] = runParallel([all, w, b], formula);
      const surplus = all.shape[0]! - (model.lookback?.(p) ?? Number.POSITIVE_INFINITY);
      return { spikes: spikes!, past: surplus > 0 ? slice(all, [surplus]) : all };
    });
  return Object.assign((x: Tensor, weights: ParallelWeights, past?: Tensor) => run(x, weights, past), {
    charge,
    matrices,
    formula,
    model: model.name,
    params: p,
    spike,
    initial: (uniform: (bound: number) => number) => model.initial(p, uniform),
    causal: () => model.causal(p),
    span: model.steps?.(p) ?? (model.lookback?.(p) ?? 0) + 1,
  });
}

/** Throws unless the weights are those of the model, and of so many time-steps. */
function checkWeights(model: string, weights: ParallelWeights, shape: readonly number[], steps: number): void {
  const { weight, bias }: Partial<ParallelWeights> = weights ?? {};
  for (const [name, value] of Object.entries({ weight, bias })) {
    if (value instanceof Tensor) continue;
    throw new TypeError(`${model}: weights must have ${name}, a tensor, got ${shown(value)}; initial makes them`);
  }
  if (String(weight!.shape) !== String(shape)) {
    throw new RangeError(`${model}: weight must be [${shape}], got [${weight!.shape}]; initial makes it`);
  }
  if (bias!.rank !== 0 && String(bias!.shape) !== String([steps, 1])) {
    throw new RangeError(`${model}: bias must be a scalar or [${steps},1], got [${bias!.shape}]; initial makes it`);
  }
}

function checkSteps<P extends object>(model: ParallelNeuronModel<P>, params: P, x: Tensor, past?: Tensor): void {
  const most = model.steps?.(params) ?? Number.POSITIVE_INFINITY;
  const [steps = 0, ...shape] = x.shape;
  const [before = 0, ...kept] = past?.shape ?? [0, ...shape];
  if (String(kept) !== String(shape)) {
    throw new RangeError(`${model.name}: past must be [before, ${shape}], as x [${x.shape}] is, got [${past?.shape}]`);
  }
  if (steps === 0) throw new RangeError(`${model.name}: x must be [T, ...] with T at least 1, got [${x.shape}]`);
  if (before + steps > most) {
    const got = before === 0 ? `${steps}` : `${before} and ${steps} more`;
    throw new RangeError(`${model.name}: x must have at most the ${most} time-steps of its weights, got ${got}`);
  }
  if (steps < most && most < Number.POSITIVE_INFINITY && !model.causal(params)) {
    throw new RangeError(
      `${model.name}: x must have all ${most} time-steps at once, since each depends on later ones, got ${steps}`,
    );
  }
}
