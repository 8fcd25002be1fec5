export { type EventNetOptions, eventNet, type Stage, sevenBNet, wideSevenBNet } from "./eventNet.js";
