export { type AdamOptions, type AdamWOptions, adam, adamW } from "./adam.js";
export { clipByGlobalNorm } from "./clipByGlobalNorm.js";
export { confusion } from "./confusion.js";
export { type CrossEntropyOptions, crossEntropy, crossEntropyPerStep, type Loss } from "./crossEntropy.js";
export type { Batch, BatchSource, Data, EpochOptions, Selection } from "./data.js";
export { type EarlyStoppingOptions, earlyStopping } from "./earlyStopping.js";
export { type EvaluateOptions, type Evaluation, type EvaluationProgress, evaluate } from "./evaluate.js";
export {
  type EpochEvent,
  type EvaluatingEvent,
  type Listener,
  listen,
  onEvent,
  type StartEvent,
  type StepEvent,
  type TestedEvent,
  type TrainedEvent,
  type TrainingEvent,
  type TrainingState,
} from "./events.js";
export { Diverged } from "./finite.js";
export { leanGradients } from "./leanGradients.js";
export type { EpochMeasures, EpochMetrics } from "./metrics.js";
export { type MomentumOptions, momentum } from "./momentum.js";
export { type Optimizer, type OptimizerState, optimizer } from "./optimizer.js";
export { scaleBy } from "./scaleBy.js";
export {
  type CosineOptions,
  constant,
  cosine,
  type Schedule,
  type ScheduleLength,
  type ScheduleTime,
  type StepDecayOptions,
  stepDecay,
  warmup,
} from "./schedule.js";
export { type SgdOptions, sgd } from "./sgd.js";
export { topK } from "./topK.js";
export { type TrainingOptions, training } from "./training.js";
export { type StepResult, type TrainStepOptions, trainStep } from "./trainStep.js";
export {
  chain,
  type GlobalTransform,
  type ParameterTransform,
  type ParameterUpdate,
  type Transform,
} from "./transform.js";
export { type WeightAverage, type WeightAverageOptions, weightAverage } from "./weightAverage.js";
export { type WeightDecayOptions, weightDecay } from "./weightDecay.js";
