export { type Activation, type ActivationFactory, relus } from "./activation.js";
export { type BatchNorm, type BatchNormOptions, batchNorm } from "./batchNorm.js";
export {
  BATCH_NORM_TRAINING,
  BATCH_NORM_TRAINING_GRAD,
  type BatchNormTrainingAttrs,
  batchNormTraining,
  type Normalised,
} from "./batchNormTraining.js";
export { type Conv2dOptions, conv2d } from "./conv2d.js";
export { type ConvNorm, type ConvNormOptions, convNorm } from "./convNorm.js";
export { convNormNeuron } from "./convNormNeuron.js";
export { type DropoutOptions, dropout } from "./dropout.js";
export { flatten } from "./flatten.js";
export { fanInUniform, type Initializer, kaimingNormal } from "./initializers.js";
export { lean } from "./lean.js";
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
export { MOVE_STATISTICS, type MoveStatisticsAttrs } from "./moveStatistics.js";
export { normNeuron } from "./normNeuron.js";
export {
  BATCH_STATISTICS,
  hasNormNeuron,
  NORM_NEURON,
  NORM_NEURON_GRAD,
  type NormNeuronAttrs,
  type NormNeuronGradAttrs,
} from "./normNeuronKernels.js";
export { avgPool2d, globalAvgPool2d, maxPool2d, type PoolOptions, voting } from "./pool.js";
export { type Random, seeded } from "./random.js";
export { recomputed, recomputing, type Stretch } from "./recompute.js";
export { sequential } from "./sequential.js";
export {
  eifNeurons,
  ifNeurons,
  lifNeurons,
  type PlifOptions,
  plifNeurons,
  qifNeurons,
  type Spiking,
  type SpikingFactory,
  spiking,
} from "./spiking.js";
export { type LayerProfile, profile, summary } from "./summary.js";
export { type NormFactory, type TdBatchNormOptions, tdBatchNorm, tdNorms } from "./tdBatchNorm.js";
