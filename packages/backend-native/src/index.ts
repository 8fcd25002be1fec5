export {
  hasBfloat16,
  hasMatrixUnit,
  instructionSet,
  instructionSets,
  kernelSeconds,
  runNative,
  setInstructionSet,
  setThreads,
  threads,
} from "./addon.js";
export { NATIVE, NativeBackend, type NativeMemory } from "./backend.js";
export {
  type BreakEvens,
  breakEvens,
  type ConvolutionKind,
  EVERY_DENSITY,
  type SpikeProduct,
  setBreakEvens,
} from "./breakEven.js";
export type { PoolStatistics } from "./bufferPool.js";
export { calibrateBreakEvens } from "./calibrate.js";
export { nativeKernels } from "./kernels/index.js";
export { type Precision, precision, precisions, setPrecision } from "./precision.js";
export { registerNative } from "./registerNative.js";
export { type SpikeConvolution, setSpikeConvolution, spikeConvolution } from "./spikeConvolution.js";
export { type SpikeStorage, setSpikeStorage, spikeStorage } from "./spikeStorage.js";
export type { Spikes } from "./spikes.js";
export { type KernelTrace, type NativeCall, type PathTaken, type StepTaken, traceKernels } from "./trace.js";
