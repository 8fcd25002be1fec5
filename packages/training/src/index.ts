export { type AdamOptions, adam } from "./adam.js";
export type { Batch, Data } from "./batch.js";
export { clipGradients } from "./clipGradients.js";
export { confusion } from "./confusion.js";
export { crossEntropy } from "./crossEntropy.js";
export { type Evaluation, type EvaluationProgress, evaluate } from "./evaluate.js";
export { appendEvent, type ScalarEvent, startEventFile } from "./eventFile.js";
export { leanGradients } from "./leanGradients.js";
export type { EpochMetrics } from "./metrics.js";
export { mixSeed } from "./mixSeed.js";
export type { Optimizer, OptimizerState } from "./optimizer.js";
export {
  type BatchProgress,
  type ConsoleProgressOptions,
  consoleProgress,
  type Progress,
  silentProgress,
} from "./progress.js";
export { readSafetensors, type Safetensors, type TensorValues, writeSafetensors } from "./safetensors.js";
export { type CosineOptions, constantRate, cosine, type Schedule, type StepOptions, step } from "./schedule.js";
export { sgd } from "./sgd.js";
export { topK } from "./topK.js";
export { type TrainOptions, type TrainResult, train } from "./train.js";
export { type StepResult, trainStep } from "./trainStep.js";
export { loadWeights, saveWeights } from "./weights.js";
