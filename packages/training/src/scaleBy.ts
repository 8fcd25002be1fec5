import { mul } from "@tensorflow/tfjs-core";
import type { ParameterTransform } from "./transform.js";

/**
 * Scales each parameter's update by a factor of its own: `g · factor(name)`. At the end of a chain these are factors of the
 * learning rate; parameters with a factor of 1 cost nothing.
 *
 * @param factor of a parameter by its full name; finite, 0 or more
 * @throws RangeError when a factor is not a finite number of at least 0
 *
 * @example
 * // The time constants of PLIF neurons learn ten times more slowly than the weights.
 * const transform = chain(momentum(), scaleBy((name) => (name.endsWith("neuron.w") ? 0.1 : 1)));
 */
export function scaleBy(factor: (parameter: string) => number): ParameterTransform {
  const checked = (name: string): number => {
    const value = factor(name);
    if (value >= 0 && Number.isFinite(value)) return value;
    throw new RangeError(`scaleBy: factor must be a finite number of at least 0 for ${name}, got ${value}`);
  };
  return {
    name: "scaleBy",
    where: (name) => checked(name) !== 1,
    update: ({ name, gradient }) => [mul(gradient, checked(name))],
  };
}
