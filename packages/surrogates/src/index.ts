export { type AtanOptions, atan } from "./atan.js";
export { type ConstantOptions, constant } from "./constant.js";
export { type RectangularOptions, rectangular } from "./rectangular.js";
export { type SigmoidOptions, sigmoid } from "./sigmoid.js";
export { type FusedSlope, type Slope, type Spike, spike } from "./spike.js";
