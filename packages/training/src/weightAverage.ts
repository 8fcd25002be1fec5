import { type Module, namedBuffers, namedParameters } from "@sew/layers";
import { add, mul, tensor, tidy, type Variable, variable } from "@tensorflow/tfjs-core";
import type { Listener } from "./events.js";

/** Options of {@link weightAverage}. */
export interface WeightAverageOptions {
  /** Decay d of the average, in [0, 1): about `1 / (1 − d)` updates count. @defaultValue 0.999 */
  readonly decay?: number;
}

/** Exponential moving averages of a model's weights. */
export interface WeightAverage {
  /** Moves the averages at every step; evaluates epochs with them in the place of the weights. */
  readonly listener: Listener;
  /** Moves the averages towards the model's weights. */
  update(): void;
  /** Exchanges the model's weights and the averages: once to use the averages, again to train on. Copies nothing. */
  swap(): void;
  /** The averages by the full names of parameters and buffers. */
  state(): Promise<ReadonlyMap<string, Float32Array>>;
  /** Puts a state back. Throws RangeError, having changed nothing, when it lacks a name. */
  restore(state: ReadonlyMap<string, Float32Array>): void;
  dispose(): void;
}

/**
 * Exponential moving average of weights (EMA): `a ← d·a + (1 − d)·w` after each update, from a = w on, of all parameters
 * and buffers, running statistics included.
 *
 * As a listener it evaluates each epoch with the averages: from `trained` up to `tested` they are the model's weights, so
 * that a listener after it saves those that were evaluated. At all other events the model has its own.
 *
 * B. T. Polyak, A. B. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
 *
 * @throws RangeError when decay is out of range
 *
 * @example
 * const model = linear(1, 1);
 * model.parameters.bias.assign(tensor1d([0]));
 * const average = weightAverage(model, { decay: 0.75 });
 * model.parameters.bias.assign(tensor1d([8]));
 * average.update();
 * average.swap();
 * model.parameters.bias.arraySync(); // [2]
 */
export function weightAverage(model: Module, { decay = 0.999 }: WeightAverageOptions = {}): WeightAverage {
  if (!(Number.isFinite(decay) && decay >= 0 && decay < 1)) {
    throw new RangeError(`weightAverage: decay must be at least 0 and below 1, got ${decay}`);
  }
  const weights = new Map([...namedParameters(model), ...namedBuffers(model)]);
  const averages = new Map<Variable, Variable>();
  for (const weight of weights.values()) if (!averages.has(weight)) averages.set(weight, copyOf(weight));

  const average: WeightAverage = {
    update() {
      for (const [weight, own] of averages) tidy(() => own.assign(add(mul(own, decay), mul(weight, 1 - decay))));
    },
    swap() {
      for (const [weight, own] of averages) {
        const before = weight.clone();
        weight.assign(own);
        own.assign(before);
        before.dispose();
      }
    },
    async state() {
      const values = new Map<string, Float32Array>();
      for (const [name, weight] of weights) values.set(name, await averages.get(weight)!.data<"float32">());
      return values;
    },
    restore(state) {
      const lacking = [...weights.keys()].find((name) => !state.has(name));
      if (lacking !== undefined) {
        throw new RangeError(`weightAverage: state must have an average of each weight, got none of ${lacking}`);
      }
      tidy(() => {
        for (const [name, weight] of weights) averages.get(weight)!.assign(tensor(state.get(name)!, weight.shape));
      });
    },
    dispose() {
      for (const own of averages.values()) own.dispose();
    },
    async *listener(events) {
      let swapped = false;
      const exchange = (): void => {
        average.swap();
        swapped = !swapped;
      };
      try {
        for await (const event of events) {
          if (event.type === "step") average.update();
          if (event.type === "epoch" && swapped) exchange();
          yield event;
          if (event.type === "trained") exchange();
        }
      } finally {
        if (swapped) exchange();
      }
    },
  };
  return average;
}

/** A variable that starts at the value of another; it is not trained. */
function copyOf(weight: Variable): Variable {
  return tidy(() => variable(weight.clone(), false));
}
