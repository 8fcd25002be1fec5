/** @file Giving a module the weights of a reference case, and reading its gradients by the peer's names. */
import { type Module, namedBuffers, namedParameters } from "@sew/layers";
import type { NamedTensorMap, Variable } from "@tensorflow/tfjs-core";
import { difference, type Tolerance } from "../close.js";
import type { Comparison } from "./case.js";
import { hashedParameter, toTorch } from "./hashed.js";

/** What a case stores of a parameter's gradient: its shape, its norm, and its first values. */
export interface GradientSummary {
  readonly shape: readonly number[];
  readonly l2: number;
  readonly head?: readonly number[];
}

/** Sets every parameter of the case from its hash; those of a neuron keep their initial value. */
export function assignHashed(
  tag: string,
  gradients: Readonly<Record<string, GradientSummary>>,
  find: (key: string) => Variable,
): void {
  for (const [key, { shape }] of Object.entries(gradients)) {
    if (shape.length > 0) find(key).assign(hashedParameter(tag, key, shape));
  }
}

/** Finds a parameter or buffer of the module by its name here. */
export function finder(module: Module): (name: string) => Variable {
  const all = new Map([...namedParameters(module), ...namedBuffers(module)]);
  return (name) => {
    const found = all.get(name);
    if (found === undefined) throw new RangeError(`finder: name must be one of ${[...all.keys()]}, got ${name}`);
    return found;
  };
}

/** Compares the gradients with what the case stores of them. */
export function compareGradients(
  expected: Readonly<Record<string, GradientSummary>>,
  actual: NamedTensorMap,
  find: (key: string) => Variable,
  tolerance: Tolerance,
): Comparison[] {
  return Object.entries(expected).flatMap(([key, { l2, head = [] }]): Comparison[] => {
    const values = toTorch(actual[find(key).name]!);
    return [
      [`gradient norm of ${key}`, difference([Math.hypot(...values)], [l2], tolerance)],
      [`gradient of ${key}`, difference(values.slice(0, head.length), head, tolerance)],
    ];
  });
}
