export { type BatchNorm, type BatchNormOptions, batchNorm } from "./batchNorm.js";
export {
  BATCH_NORM_TRAINING,
  BATCH_NORM_TRAINING_GRAD,
  type BatchNormTrainingAttrs,
  batchNormTraining,
  type Normalised,
} from "./batchNormTraining.js";
export { type Conv2dOptions, conv2d } from "./conv2d.js";
export { convNormNeuron } from "./convNormNeuron.js";
export { type DropoutOptions, dropout } from "./dropout.js";
export { flatten } from "./flatten.js";
export { type LinearOptions, linear } from "./linear.js";
export {
  type Context,
  countParameters,
  disposeModule,
  evaluation,
  type Module,
  namedBuffers,
  namedModules,
  namedParameters,
  run,
} from "./module.js";
export { normNeuron } from "./normNeuron.js";
export { avgPool2d, maxPool2d, type PoolOptions } from "./pool.js";
export { type Random, seeded } from "./random.js";
export { sequential } from "./sequential.js";
export {
  ifNeurons,
  lifNeurons,
  type PlifOptions,
  plifNeurons,
  type Spiking,
  type SpikingFactory,
  spiking,
} from "./spiking.js";
