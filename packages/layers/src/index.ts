export { type Activation, type ActivationFactory, emissionOf, neuronOf, relus } from "./activation.js";
export { type BatchNorm, type BatchNormOptions, batchNorm } from "./batchNorm.js";
export { checkInteger } from "./check.js";
export { type Conv2d, type Conv2dOptions, type ConvGeometry, conv2d } from "./conv2d.js";
export { type ConvNorm, type ConvNormNeuron, type ConvNormOptions, convNorm } from "./convNorm.js";
export { convNormNeuron } from "./convNormNeuron.js";
export { type DropoutOptions, dropout } from "./dropout.js";
export { flatten } from "./flatten.js";
export { fanInUniform, type Initializer, kaimingNormal } from "./initializers.js";
export { type Linear, type LinearOptions, linear, type WeightAndBias } from "./linear.js";
export { freeAfterUse, isLastReader } from "./memory/freeAfterUse.js";
export { recomputed, recomputing, type Stretch } from "./memory/recompute.js";
export { backwardToTaps, tapGradient } from "./memory/tapGradient.js";
export {
  type Context,
  countParameters,
  disposeModule,
  evaluation,
  lowerBoundsOf,
  type Module,
  namedBuffers,
  namedModules,
  namedParameters,
  type Observer,
  run,
} from "./module.js";
export {
  type LayerParams,
  type Learnable,
  learnable,
  type NeuronFactory,
  type NeuronLayer,
  neuronLayer,
  neurons,
} from "./neurons.js";
export { normNeuron } from "./normNeuron.js";
export { overTime } from "./overTime.js";
export { type ParallelNeuronFactory, type ParallelNeuronLayer, parallelNeurons } from "./parallelNeurons.js";
export { type AvgPoolOptions, avgPool2d, globalAvgPool2d, maxPool2d, type PoolOptions, voting } from "./pool.js";
export { seeded } from "./seeded.js";
export { type Sequential, sequential } from "./sequential.js";
export { disposeState, type NetworkState, type StateMemory, type Streamed, stream } from "./stream.js";
export { type LayerProfile, profile, summary } from "./summary.js";
export { type NormFactory, type TdBatchNormOptions, tdBatchNorm, tdNorms } from "./tdBatchNorm.js";
