import type { Tensor } from "@tensorflow/tfjs-core";
import type { Neuron, State } from "./neuron.js";

/** Throws unless the state has the neuron's variables, in the shape of one step of `x`. */
export function checkState<S extends string>(where: string, neuron: Neuron<S>, x: Tensor, state?: State<S>): void {
  const shape = x.shape.slice(1);
  if (state === undefined) return;
  const expected = [...neuron.stateNames].sort().join(", ");
  const names = Object.keys(state).sort().join(", ");
  if (names !== expected) {
    throw new RangeError(
      `${where}: state must have the variables ${expected} of ${neuron.model}, got ${names || "none"}`,
    );
  }
  for (const [name, value] of Object.entries<Tensor>(state)) {
    if (String(value.shape) !== String(shape)) {
      throw new RangeError(
        `${where}: ${name} of the state must be [${shape}], the shape of one step of x [${x.shape}], got [${value.shape}]`,
      );
    }
  }
}
