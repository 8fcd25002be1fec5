import { type Module, run } from "@sew/layers";
import { concat, keep, mean, reshape, type Tensor, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import { type Batch, checkOutput, toTensors } from "./batch.js";
import { clipGradients } from "./clipGradients.js";
import { crossEntropy } from "./crossEntropy.js";
import { leanGradients } from "./leanGradients.js";
import type { Optimizer } from "./optimizer.js";
import { topK } from "./topK.js";

/** What a step saw, before its update. */
export interface StepResult {
  /** Mean over the batch. NaN or infinite where training went wrong; the update is made all the same. */
  readonly loss: number;
  /** How many labels had the highest score. */
  readonly correct: number;
}

/**
 * One update of a model by one batch: forward, backward, `optimizer.apply`. It reads from the backend once, and leaves
 * no tensor behind.
 *
 * @param seed of the step's random choices, such as dropout's; a new one for each step
 * @param clipNorm how long the gradients may be together, see {@link clipGradients}; as long as they are unless given
 * @throws RangeError when the batch does not fit the model
 *
 * @example
 * const model = linear(2, 3);
 * const optimizer = sgd(model);
 * optimizer.setLearningRate(0.1);
 * const batch = { x: Float32Array.of(1, 2), shape: [1, 1, 2], labels: Int32Array.of(0) };
 * const { loss } = await trainStep(model, optimizer, batch, 0);
 */
export async function trainStep(
  model: Module,
  optimizer: Optimizer,
  batch: Batch,
  seed: number,
  clipNorm?: number,
): Promise<StepResult> {
  const output = tidy(() => {
    const { x, labels } = toTensors("trainStep", batch);
    let scores: Tensor | undefined;
    const { value, grads } = leanGradients(() => {
      const logits = run(model, x, { training: true, seed }) as Tensor3D;
      checkOutput("trainStep", logits, batch.labels);
      scores = keep(reshape(mean(logits, 0), [-1]));
      return crossEntropy(logits, labels);
    }, [...optimizer.variables.values()]);
    optimizer.apply(clipNorm === undefined ? grads : clipGradients(grads, clipNorm));
    const all = concat([reshape(value, [1]), scores!]);
    scores!.dispose();
    return all;
  });
  const values = await output.data<"float32">();
  output.dispose();
  return { loss: values[0]!, correct: topK(values.subarray(1), batch.labels, 1) };
}
