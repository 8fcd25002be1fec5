import { evaluation, type Module, run } from "@sew/layers";
import { concat, mean, reshape, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import { confusion, highest, predictions } from "./confusion.js";
import { crossEntropy, type Loss } from "./crossEntropy.js";
import { type Batch, checkOutput, toTensors } from "./data.js";
import { checkWeights, Diverged } from "./finite.js";
import { lossOf } from "./lossOf.js";
import { topK } from "./topK.js";

/** Accuracy and loss of a model on a data set. */
export interface Evaluation {
  readonly samples: number;
  /** Mean over all samples, in nats. */
  readonly loss: number;
  /** The fraction whose label has the highest score, from 0 to 1. */
  readonly top1: number;
  /** The fraction whose label is among the 5 highest, where there are 5 classes or more. */
  readonly top5?: number;
  /** Samples of each class by their prediction: `confusion[label][predicted]`. */
  readonly confusion: readonly (readonly number[])[];
  /** The predicted class of each sample, in the order of the batches. */
  readonly predictions: readonly number[];
  /**
   * `top1` if the network stopped after 1, 2, … T time-steps: of the mean output up to there. Absent where T is 1 or not the same
   * in all batches.
   */
  readonly top1PerStep?: readonly number[];
}

/** The progress of an evaluation. */
export interface EvaluationProgress {
  readonly batches: number;
  readonly samples: number;
  /** Mean over the samples so far. */
  readonly loss: number;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** @defaultValue `crossEntropy` */
  readonly loss?: Loss | undefined;
  /** Called after each batch. @defaultValue none */
  readonly onBatch?: ((progress: EvaluationProgress) => void) | undefined;
}

/**
 * Evaluates a model on every batch: running statistics, no dropout. Scores are the mean output over T.
 *
 * @throws RangeError when there is no sample or a batch does not fit the model or is not finite; Diverged when the loss, a weight
 * or a running statistic is not finite: spiking neurons do not fire on NaN, and the accuracy would be that of chance
 *
 * @example
 * async function* batches() {
 *   yield { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * }
 * (await evaluate(linear(2, 3), batches())).samples; // 1
 */
export async function evaluate(
  model: Module,
  batches: AsyncIterable<Batch>,
  { loss = crossEntropy, onBatch }: EvaluateOptions = {},
): Promise<Evaluation> {
  const steps = evaluating(model, batches, { loss });
  for (;;) {
    const { value, done } = await steps.next();
    if (done) return value;
    onBatch?.(value);
  }
}

/** Options of {@link evaluating}. */
interface EvaluatingOptions {
  readonly loss: Loss;
  /** Opens error messages. @defaultValue `"evaluate"` */
  readonly caller?: string;
  /** Names the data in errors, such as "the test data of epoch 3". @defaultValue not named */
  readonly data?: string;
  /** Names of the classes, to compare with the model's output. @defaultValue not compared */
  readonly classes?: readonly string[] | undefined;
}

/** {@link evaluate} as a stream: yields after each batch. */
export async function* evaluating(
  model: Module,
  batches: AsyncIterable<Batch>,
  { loss, caller = "evaluate", data, classes }: EvaluatingOptions,
): AsyncGenerator<EvaluationProgress, Evaluation> {
  const sums = { batches: 0, samples: 0, loss: 0, top1: 0, top5: 0 };
  let counts: number[][] | undefined;
  const predicted: number[] = [];
  let perStep: number[] | undefined;
  await checkWeights(caller, model);
  for await (const batch of batches) {
    const { labels } = batch;
    const place =
      data === undefined ? `batch ${sums.batches} (from 0)` : `batch ${sums.batches} of ${data} (all from 0)`;
    let steps = 1;
    const output = tidy(() => {
      const tensors = toTensors(caller, batch, `, ${place}`);
      const logits = run(model, tensors.x, evaluation) as Tensor3D;
      checkOutput(caller, logits, labels, { place: `, ${place}`, classes });
      [steps] = logits.shape;
      const value = reshape(lossOf(caller, loss, logits, tensors.labels), [1]);
      return concat([value, reshape(mean(logits, 0), [-1]), ...(steps > 1 ? [reshape(logits, [-1])] : [])]);
    });
    const values = await output.data<"float32">();
    output.dispose();
    const value = values[0]!;
    if (!Number.isFinite(value)) {
      throw new Diverged(
        `${caller}: loss must be finite, got ${value} at ${place}; the weights are too large or not ` +
          "finite: lower the learning rate, or load another checkpoint",
      );
    }
    const size = (values.length - 1) / (steps > 1 ? steps + 1 : 1);
    const scores = values.subarray(1, 1 + size);
    counts = confusion(scores, labels, counts);
    predicted.push(...predictions(scores, labels.length));
    const correct = correctPerStep(values.subarray(1 + size), labels, steps);
    if (sums.batches === 0) perStep = correct;
    else if (perStep?.length !== correct.length) perStep = undefined;
    else perStep = perStep.map((count, t) => count + correct[t]!);
    sums.batches++;
    sums.samples += labels.length;
    sums.loss += value * labels.length;
    sums.top1 += topK(scores, labels, 1);
    if (counts.length >= 5) sums.top5 += topK(scores, labels, 5);
    yield { batches: sums.batches, samples: sums.samples, loss: sums.loss / sums.samples };
  }
  const { samples, top1, top5 } = sums;
  if (counts === undefined) {
    const where = data === undefined ? "" : ` in ${data} (from 0)`;
    throw new RangeError(`${caller}: batches must hold at least 1 sample, got none${where}`);
  }
  return {
    samples,
    loss: sums.loss / samples,
    top1: top1 / samples,
    ...(counts.length >= 5 && { top5: top5 / samples }),
    confusion: counts,
    predictions: predicted,
    // The last step's is top1 itself, whatever the rounding of its mean.
    ...(perStep !== undefined &&
      perStep.length > 0 && { top1PerStep: [...perStep.slice(0, -1), top1].map((count) => count / samples) }),
  };
}

/** Of logits `[T, N, classes]` how many samples the sum of the first 1, 2, … T steps predicts; none where T is 1. */
function correctPerStep(logits: Float32Array, labels: Int32Array, steps: number): number[] {
  if (steps === 1) return [];
  const classes = logits.length / steps / labels.length;
  const correct = new Array<number>(steps).fill(0);
  for (const [n, label] of labels.entries()) {
    const sum = new Float64Array(classes);
    for (let t = 0; t < steps; t++) {
      const from = (t * labels.length + n) * classes;
      for (let i = 0; i < classes; i++) sum[i]! += logits[from + i]!;
      if (highest(sum) === label) correct[t]!++;
    }
  }
  return correct;
}
