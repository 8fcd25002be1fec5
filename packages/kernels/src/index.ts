export { activity, activityKernel } from "./activity.js";
export { type ApplyAdamAttrs, applyAdam, applyAdamKernel } from "./applyAdam.js";
export { type ApplyMomentumAttrs, applyMomentum, applyMomentumKernel } from "./applyMomentum.js";
export { type BatchNormTrainingAttrs, batchNormTraining, batchNormTrainingKernel } from "./batchNormTraining.js";
export { detach } from "./detach.js";
export { distance } from "./distance.js";
export {
  callKernel,
  type FusedGradient,
  type FusedKernel,
  type FusedKernelConfig,
  type FusedListGradient,
  type FusedListKernel,
  type FusedOp,
  floats,
  fusedOp,
  hasKernel,
  type Inputs,
  type KernelAttrs,
  type KernelInputs,
  runKernel,
} from "./fusedOp.js";
export { type MoveStatisticsAttrs, moveStatistics, moveStatisticsKernel } from "./moveStatistics.js";
export {
  type MultiStepNeuronAttrs,
  multiStepNeuron,
  multiStepNeuronKernel,
  programParameters,
} from "./multiStepNeuron.js";
export {
  type NeuronDefinition,
  type NeuronFormula,
  type NeuronState,
  type NeuronStep,
  neuronFormula,
} from "./neuronFormula.js";
export { type NormNeuronAttrs, type NormNeuronGradAttrs, normNeuron, normNeuronKernel } from "./normNeuron.js";
export { normNeuronTraining, normNeuronTrainingKernel } from "./normNeuronTraining.js";
export {
  normParallelNeuron,
  normParallelNeuronKernel,
  normParallelNeuronTraining,
  normParallelNeuronTrainingKernel,
} from "./normParallelNeuron.js";
export { charged, type ParallelNeuronAttrs, parallelNeuron, parallelNeuronKernel } from "./parallelNeuron.js";
export { printable } from "./printable.js";
export type {
  BinaryOp,
  Instruction,
  NeuronProgram,
  Program,
  ProgramParameter,
  Rate,
  UnaryOp,
} from "./program/program.js";
export { rates } from "./program/programBuilder.js";
export { runProgram } from "./program/runProgram.js";
export { declaredOnly, tracedAs } from "./program/trace.js";
export {
  conv2dOfSequence,
  convAttrs,
  convGradients,
  maxPoolOfSequence,
  oneNode,
  type SequenceKernelConfig,
  takesSequences,
} from "./sequenceKernels.js";
export { shown } from "./shown.js";
export { type SumOfFirstAttrs, sumOfFirst, sumOfFirstKernel } from "./sumOfFirst.js";
export { unrecorded } from "./unrecorded.js";
export { withSlope } from "./withSlope.js";
