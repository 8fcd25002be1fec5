import { type Module, namedBuffers, namedParameters, type Observer, run } from "@sew/layers";
import { mixSeed } from "@sew/random";
import {
  add,
  concat,
  dispose,
  keep,
  mean,
  mul,
  type NamedTensorMap,
  reshape,
  type Tensor,
  type Tensor3D,
  tidy,
} from "@tensorflow/tfjs-core";
import { crossEntropy, type Loss } from "./crossEntropy.js";
import { type Batch, checkOutput, toTensors } from "./data.js";
import { Diverged, isSmall, notFiniteAmong, watchedSum } from "./finite.js";
import { lossOf } from "./lossOf.js";
import { checkNames, type Optimizer } from "./optimizer.js";
import { topK } from "./topK.js";

/** Options of {@link trainStep}. */
export interface TrainStepOptions {
  /** Learning rate of the update; 0 or more. */
  readonly learningRate: number;
  /** Seed of the step's random choices, such as dropout's: another one for each step. */
  readonly seed: number;
  /** @defaultValue `crossEntropy` */
  readonly loss?: Loss | undefined;
  /**
   * Maps the gradients of the step, by full name, before the optimiser's transforms; may wait, as for the mean over the
   * workers of a distributed run. The result may be the same tensors.
   * @defaultValue the gradients as they are
   */
  readonly reduce?: ((gradients: NamedTensorMap) => NamedTensorMap | Promise<NamedTensorMap>) | undefined;
  /** Sees every module's output in the forward passes, such as that of `attach` in `@sew/analysis`. @defaultValue none */
  readonly observe?: Observer | undefined;
}

/** Results of a step's forward pass, before its update. */
export interface StepResult {
  /** Mean over the samples. NaN or infinite where training went wrong: the update is made all the same. */
  readonly loss: number;
  /** Samples whose label had the highest score. */
  readonly correct: number;
  readonly samples: number;
  /** Batches of the step. */
  readonly batches: number;
}

/**
 * One update of a model: forward and backward pass of a batch, or of several whose gradients are accumulated, then
 * `optimizer.apply`. It reads from the backend once, and leaves no tensor behind.
 *
 * Accumulated gradients are the mean over all samples of the batches, as if these were one batch; but batch norm sees each
 * batch by itself, in training and for its running statistics.
 *
 * Where the loss is finite, gradients, running statistics and small parameters are watched: a spiking neuron does not fire on
 * NaN, so that the loss alone would not show it.
 *
 * @param batch one batch or several, at least one; each is computed before the next is pulled
 * @throws RangeError when there is no batch, one does not fit the model or holds a value that is not finite, or the learning
 * rate is none; Diverged, which names the tensor, when a gradient, a running statistic or a weight is not finite: the update
 * is made
 *
 * @example
 * const model = linear(2, 3);
 * const trained = optimizer(model, momentum());
 * const batch = { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * (await trainStep(model, trained, batch, { learningRate: 0.1, seed: 0 })).samples; // 1
 * (await trainStep(model, trained, [batch, batch], { learningRate: 0.1, seed: 1 })).samples; // 2
 */
export async function trainStep(
  model: Module,
  optimizer: Optimizer,
  batch: Batch | Iterable<Batch> | AsyncIterable<Batch>,
  options: TrainStepOptions,
): Promise<StepResult> {
  const { learningRate } = options;
  if (!(Number.isFinite(learningRate) && learningRate >= 0)) {
    throw new RangeError(`trainStep: learningRate must be a finite number of at least 0, got ${learningRate}`);
  }
  const rate = (): number => learningRate;
  const result = await accumulatedStep(model, optimizer, "x" in batch ? [batch] : batch, { ...options, rate });
  if (result === undefined) throw new RangeError("trainStep: batch must hold at least 1 batch, got none");
  return result;
}

/** Options of {@link accumulatedStep}. */
type AccumulatedStepOptions = Omit<TrainStepOptions, "learningRate"> & {
  /** The learning rate, asked for when there is an update to make. */
  readonly rate: () => number;
  /** Names of the classes, to compare with the model's output. @defaultValue not compared */
  readonly classes?: readonly string[] | undefined;
};

/** {@link trainStep} of any number of batches; undefined, without an update, when there is none. */
export async function accumulatedStep(
  model: Module,
  optimizer: Optimizer,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  { rate, classes, seed, loss = crossEntropy, reduce = (gradients) => gradients, observe }: AccumulatedStepOptions,
  caller = "trainStep",
  place: (index: number) => string = () => "",
): Promise<StepResult | undefined> {
  const own = new Set(namedParameters(model).values());
  for (const [name, variable] of optimizer.variables) {
    if (!own.has(variable)) {
      throw new RangeError(`${caller}: optimizer must be of the model, got one of ${name}, which is not in it`);
    }
  }
  const labels: Int32Array[] = [];
  const outputs: Tensor[] = [];
  let gradients: NamedTensorMap = {};
  let reduced: NamedTensorMap = {};
  try {
    for await (const batch of batches) {
      const index = labels.length;
      const pass = tidy(() => {
        const tensors = toTensors(caller, batch, place(index));
        let scores: Tensor | undefined;
        try {
          const { value, gradients: own } = optimizer.gradients(() => {
            const pass = { training: true, seed: index === 0 ? seed : mixSeed(seed, index) };
            const logits = run(model, tensors.x, { ...pass, ...(observe && { observe }) }) as Tensor3D;
            checkOutput(caller, logits, batch.labels, { place: place(index), classes });
            scores = keep(reshape(mean(logits, 0), [-1]));
            return lossOf(caller, loss, logits, tensors.labels);
          });
          const watched = watchedSum([
            ...Object.values(own),
            ...namedBuffers(model).values(),
            ...[...namedParameters(model).values()].filter(isSmall),
          ]);
          return { output: concat([reshape(value, [1]), watched, scores!]), own };
        } finally {
          scores?.dispose();
        }
      });
      outputs.push(pass.output);
      // Relative to the first batch, so that batches of equal size need no multiplication.
      gradients = index === 0 ? pass.own : sumOf(gradients, pass.own, batch.labels.length / labels[0]!.length);
      labels.push(batch.labels);
    }
    if (labels.length === 0) return undefined;
    const samples = labels.reduce((sum, { length }) => sum + length, 0);
    if (labels.length > 1) gradients = scaled(gradients, labels[0]!.length / samples);
    reduced = await reduce(gradients);
    checkNames(`${caller}: reduce`, reduced, gradients);
    optimizer.apply(reduced, rate());
    const { loss: value, correct, broken } = await read(outputs, labels);
    if (broken !== undefined && Number.isFinite(value)) {
      await checkFinite(caller, model, gradients, place(broken));
    }
    return { loss: value, correct, samples, batches: labels.length };
  } finally {
    // Some of them may be the same tensors.
    dispose(reduced);
    dispose(gradients);
    dispose(outputs);
  }
}

/** Throws where a gradient, a running statistic or a weight is not finite. */
async function checkFinite(caller: string, model: Module, gradients: NamedTensorMap, place: string): Promise<void> {
  // NaN passes from a layer to the statistics behind it and to the gradients before it.
  const [statistic] = await notFiniteAmong(namedBuffers(model));
  // `reduce` may have disposed those that it received.
  const readable = Object.entries(gradients).filter(([, { isDisposed }]) => !isDisposed);
  const gradient = (await notFiniteAmong(readable)).at(-1);
  const [weight] = await notFiniteAmong(namedParameters(model));
  const found = statistic ?? gradient ?? weight;
  if (found === undefined) return;
  const what = found === statistic ? "running statistics" : found === gradient ? "gradients" : "weights";
  throw new Diverged(
    `${caller}: ${what} must be finite, got ${found.value} in ${found.name}${place}; go on from an earlier checkpoint with ` +
      "a lower learning rate, or clip the gradients",
  );
}

/** `sum + factor · next` by name; disposes both. */
function sumOf(sum: NamedTensorMap, next: NamedTensorMap, factor: number): NamedTensorMap {
  const names = new Set([...Object.keys(sum), ...Object.keys(next)]);
  const result = tidy(() =>
    Object.fromEntries(
      [...names].map((name) => {
        const [a, b] = [sum[name], next[name]];
        const weighted = b === undefined || factor === 1 ? b : mul(b, factor);
        return [name, a === undefined || weighted === undefined ? (a ?? weighted)!.clone() : add(a, weighted)];
      }),
    ),
  );
  dispose(sum);
  dispose(next);
  return result;
}

/** `factor · gradients`; disposes them. */
function scaled(gradients: NamedTensorMap, factor: number): NamedTensorMap {
  const result = tidy(() =>
    Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, mul(gradient, factor)])),
  );
  dispose(gradients);
  return result;
}

/** Loss, correct labels, and the first batch whose watched sum is not finite, with one read from the backend. */
async function read(
  outputs: readonly Tensor[],
  labels: readonly Int32Array[],
): Promise<{ loss: number; correct: number; broken: number | undefined }> {
  const all = outputs.length === 1 ? outputs[0]! : concat([...outputs]);
  const values = await all.data<"float32">();
  all.dispose();
  let [at, samples, loss, correct] = [0, 0, 0, 0];
  let broken: number | undefined;
  for (const [i, { size }] of outputs.entries()) {
    const own = labels[i]!;
    loss += values[at]! * own.length;
    if (!Number.isFinite(values[at + 1])) broken ??= i;
    correct += topK(values.subarray(at + 2, at + size), own, 1);
    samples += own.length;
    at += size;
  }
  return { loss: outputs.length === 1 ? values[0]! : loss / samples, correct, broken };
}
