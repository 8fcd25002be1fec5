export { type EventNetOptions, eventNet, type Stage, sevenBNet, wideSevenBNet } from "./eventNet.js";
export { families, type ResNetDepth, type ResNetFamily, type ResNetOptions, resNet } from "./resNet.js";
