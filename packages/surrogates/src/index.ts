export { type Slope, type SlopeForms, type Spike, smooth, spike } from "./spike.js";
export * from "./surrogates.js";
