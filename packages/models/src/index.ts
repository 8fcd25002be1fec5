export { type NetworkOptions, network } from "./network.js";
export type { NeuronName } from "./notation.js";
export {
  type BlockNetOptions,
  cifar10Net,
  lifNet,
  type PaperNetOptions,
  type PlifNetOptions,
  plifNet,
  type SevenBNetOptions,
  sevenBNet,
  wideSevenBNet,
} from "./paperNets.js";
export { families, type ResNetDepth, type ResNetFamily, type ResNetOptions, resNet } from "./resNet.js";
