import { atan } from "./atan.js";
import { constant } from "./constant.js";
import { erf } from "./erf.js";
import { piecewiseExponential } from "./piecewiseExponential.js";
import { piecewiseQuadratic } from "./piecewiseQuadratic.js";
import { rectangular } from "./rectangular.js";
import { scaledAtan } from "./scaledAtan.js";
import { sigmoid } from "./sigmoid.js";
import { softSign } from "./softSign.js";
import type { Spike } from "./spike.js";
import { superSpike } from "./superSpike.js";

/**
 * Every surrogate by its name; command lines, tests and reports read this record.
 *
 * @example
 * surrogates.atan().slope(tensor1d([0])).arraySync(); // [1]
 */
export const surrogates = {
  atan,
  constant,
  erf,
  piecewiseExponential,
  piecewiseQuadratic,
  rectangular,
  scaledAtan,
  sigmoid,
  softSign,
  superSpike,
} as const satisfies Record<string, () => Spike>;

export * from "./atan.js";
export * from "./constant.js";
export * from "./erf.js";
export * from "./piecewiseExponential.js";
export * from "./piecewiseQuadratic.js";
export * from "./rectangular.js";
export * from "./scaledAtan.js";
export * from "./sigmoid.js";
export * from "./softSign.js";
export * from "./superSpike.js";
