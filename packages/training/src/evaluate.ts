import { evaluation, type Module, run } from "@sew/layers";
import { concat, mean, reshape, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import { type Batch, checkOutput, toTensors } from "./batch.js";
import { confusion } from "./confusion.js";
import { crossEntropy } from "./crossEntropy.js";
import { topK } from "./topK.js";

/** How well a model does on a data set. */
export interface Evaluation {
  readonly samples: number;
  /** Cross-entropy of the mean output, over all samples, in nats. */
  readonly loss: number;
  /** The fraction whose label has the highest score, from 0 to 1. */
  readonly top1: number;
  /** The fraction whose label is among the 5 highest, where there are 5 classes or more. */
  readonly top5?: number;
  /** How often each class was taken for each: `confusion[label][predicted]`. */
  readonly confusion: readonly (readonly number[])[];
}

/** How far an evaluation is. */
export interface EvaluationProgress {
  readonly batches: number;
  readonly samples: number;
  readonly loss: number;
}

/**
 * Runs a model, in evaluation, on every batch.
 *
 * @param onBatch called after each batch
 * @throws RangeError when there is no sample or a batch does not fit the model; Error when the loss is not finite
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
  onBatch?: (progress: EvaluationProgress) => void,
): Promise<Evaluation> {
  const sums = { batches: 0, samples: 0, loss: 0, top1: 0, top5: 0 };
  let counts: number[][] | undefined;
  for await (const batch of batches) {
    const { labels } = batch;
    const output = tidy(() => {
      const tensors = toTensors("evaluate", batch);
      const logits = run(model, tensors.x, evaluation) as Tensor3D;
      checkOutput("evaluate", logits, labels);
      return concat([reshape(crossEntropy(logits, tensors.labels), [1]), reshape(mean(logits, 0), [-1])]);
    });
    const values = await output.data<"float32">();
    output.dispose();
    const loss = values[0]!;
    if (!Number.isFinite(loss)) {
      throw new Error(
        `evaluate: loss must be finite, got ${loss} at batch ${sums.batches} (from 0); the weights are too large or not ` +
          "finite: lower the learning rate, or load another checkpoint",
      );
    }
    const scores = values.subarray(1);
    counts = confusion(scores, labels, counts);
    sums.batches++;
    sums.samples += labels.length;
    sums.loss += loss * labels.length;
    sums.top1 += topK(scores, labels, 1);
    if (counts.length >= 5) sums.top5 += topK(scores, labels, 5);
    onBatch?.({ batches: sums.batches, samples: sums.samples, loss: sums.loss / sums.samples });
  }
  const { samples, loss, top1, top5 } = sums;
  if (counts === undefined) throw new RangeError("evaluate: batches must hold at least 1 sample, got none");
  return {
    samples,
    loss: loss / samples,
    top1: top1 / samples,
    ...(counts.length >= 5 && { top5: top5 / samples }),
    confusion: counts,
  };
}
