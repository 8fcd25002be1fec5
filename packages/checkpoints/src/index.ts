export type { TensorValues } from "./dtypes.js";
export { readSafetensors, type Safetensors, writeSafetensors } from "./safetensors.js";
export { fromTorch, type TorchLayoutOptions, toTorch } from "./torchLayout.js";
export {
  assignWeights,
  type LoadedWeights,
  type LoadOptions,
  loadWeights,
  notFinite,
  saveWeights,
  weightsOf,
} from "./weights.js";
