export { type ApplyAdamAttrs, applyAdam, applyAdamKernel } from "./applyAdam.js";
export { type ApplyMomentumAttrs, applyMomentum, applyMomentumKernel } from "./applyMomentum.js";
export { type BatchNormTrainingAttrs, batchNormTraining, batchNormTrainingKernel } from "./batchNormTraining.js";
export { detach } from "./detach.js";
export {
  type FusedGradient,
  type FusedKernel,
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
export { learnedRate, type MultiStepNeuronAttrs, multiStepNeuron, multiStepNeuronKernel } from "./multiStepNeuron.js";
export type {
  NeuronFormula,
  NeuronState,
  NeuronStep,
  RecognisedCharge,
  RecognisedNeuron,
  RecognisedSlope,
} from "./neuronFormula.js";
export { type NormNeuronAttrs, type NormNeuronGradAttrs, normNeuron, normNeuronKernel } from "./normNeuron.js";
export { normNeuronTraining, normNeuronTrainingKernel } from "./normNeuronTraining.js";
export { printable } from "./printable.js";
export { shown } from "./shown.js";
export type { BinaryOp, Instruction, NeuronProgram, Program, ProgramParameter, Rate, UnaryOp } from "./program/program.js";
export { runProgram } from "./program/runProgram.js";
export { withSlope } from "./withSlope.js";
