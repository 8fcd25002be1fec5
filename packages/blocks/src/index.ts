export * from "./blocks.js";
export { identityShift } from "./identityShift.js";
export type { PathChildren } from "./residualPath.js";
