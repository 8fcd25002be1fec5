/** @file Giving a module the weights of a reference case, and comparing its gradients by the peer's names. */

import { difference, type Tolerance } from "@sew/kernels/testing";
import { type Module, namedParameters } from "@sew/layers";
import { type NamedTensorMap, type Variable, zerosLike } from "@tensorflow/tfjs-core";
import type * as z from "zod";
import type { Comparison } from "./case.js";
import type { gradients } from "./fields.js";
import { hashedParameter, torchShape, toTorch } from "./hashed.js";
import { channelsRead, findVariable, type PeerLayers } from "./peerLayers.js";

/** What a case stores of its gradients, by the peer's names. */
export type Gradients = z.infer<typeof gradients>;

/** A module here and its layers by the peer's names. */
export interface Matched {
  readonly module: Module;
  readonly layers: PeerLayers;
}

/** The parameters that only one side has, or that have another shape here: one line each. */
export function mismatches({ module, layers }: Matched, expected: Gradients): string[] {
  const found = new Set<Variable>();
  const lines = Object.entries(expected).flatMap(([key, { shape }]) => {
    const parameter = findVariable(layers, key);
    if (parameter === undefined) return [`${key}: there is no such parameter here`];
    found.add(parameter);
    const here = torchShape(parameter.shape);
    return String(here) === String(shape) ? [] : [`${key}: its shape is [${here}] here, where [${shape}] is expected`];
  });
  const rest = [...namedParameters(module)].filter(([, parameter]) => !found.has(parameter));
  return [...lines, ...rest.map(([name, { shape }]) => `${name} [${shape}]: the case has no such parameter`)];
}

/** Sets every parameter of the case from its hash; those of a neuron, which are scalars, keep their initial value. */
export function assignHashed(tag: string, { module, layers }: Matched, expected: Gradients): void {
  const channels = channelsRead(module);
  for (const [key, { shape }] of Object.entries(expected)) {
    const parameter = findVariable(layers, key)!;
    if (shape.length > 0) parameter.assign(hashedParameter(tag, key, shape, channels.get(parameter)));
  }
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, g) => sum + g * g, 0));

/**
 * Compares the gradients with what the case stores of them.
 *
 * A gradient that is 0 because its terms cancel is not 0 in float32: what is left is the rounding of terms as large as
 * those of the other gradients, for all of them come from one backward pass. No relative tolerance covers that, so
 * 2e-6 of the largest norm passes as 0: 16 units of float32's last place, what a sum of some hundred terms rounds off.
 */
export function compareGradients(
  expected: Gradients,
  actual: NamedTensorMap,
  { module, layers }: Matched,
  { relative }: Pick<Tolerance, "relative">,
): Comparison[] {
  const channels = channelsRead(module);
  const floor = 2e-6 * Object.values(expected).reduce((largest, { l2 }) => Math.max(largest, l2), 0);
  return Object.entries(expected).flatMap(([key, { l2, head = [] }]): Comparison[] => {
    const parameter = findVariable(layers, key)!;
    const values = toTorch(actual[parameter.name] ?? zerosLike(parameter), channels.get(parameter));
    const largest = head.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    return [
      [`gradient norm of ${key}`, difference([norm(values)], [l2], { relative, absolute: floor })],
      [
        `gradient of ${key}`,
        difference(values.slice(0, head.length), head, { relative, absolute: Math.max(floor, relative * largest) }),
      ],
    ];
  });
}
