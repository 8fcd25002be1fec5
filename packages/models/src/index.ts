export { type Family, type FamilyName, families } from "./families.js";
export { type NetworkOptions, network } from "./network.js";
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
export { type ResNet, type ResNetDepth, type ResNetOptions, resNet, resNetDepths, type Stem } from "./resNet.js";
