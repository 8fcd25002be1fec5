/** @file What every neuron model refuses at once: each parameter by its name, with the value. */
import { shown } from "@sew/kernels";
import { type MembraneParams, type NeuronModel, neuron, neuronModels, plifInitial } from "@sew/neurons";
import { memory } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const noNumbers: readonly unknown[] = [
  Number.NaN,
  Infinity,
  -Infinity,
  null,
  undefined,
  "1",
  "\u001b[2J",
  true,
  [],
  {},
];
const noBooleans: readonly unknown[] = [0, 1, null, undefined, "false", "\u001b[2J", []];

/** What the parameters of these names must be; all others are finite numbers. */
const timeConstant = { must: "at least 1 time-step", bad: [...noNumbers, 0, 0.5, -2] };
const musts: Readonly<Record<string, { must: string; bad: readonly unknown[] }>> = {
  tau: timeConstant,
  tauAdaptation: timeConstant,
  tauSynapse: timeConstant,
  refractory: { must: "a finite number of at least 0", bad: [...noNumbers, -1] },
  maxSpikes: { must: "an integer from 1 to 255", bad: [...noNumbers, 0, 1.5, 256] },
  a0: { must: "a finite number above 0", bad: [...noNumbers, 0, -1] },
  deltaT: { must: "a finite number above 0", bad: [...noNumbers, 0, -1] },
  reset: { must: '"hard" or "soft"', bad: ["none", "\u001b", null, 0, true] },
};

const parameters = Object.values<NeuronModel<MembraneParams, string>>(neuronModels).flatMap((model) =>
  Object.entries(model.defaults).map(([name, value]: [string, unknown]) => ({
    model,
    name,
    ...(typeof value === "boolean"
      ? { must: "true or false", bad: noBooleans }
      : (musts[name] ?? { must: "a finite number", bad: noNumbers })),
  })),
);

describe.each(parameters)("$name of $model.name", ({ model, name, must, bad }) => {
  it.each(bad)(`must be ${must}, and is refused as %o`, (value) => {
    const before = memory().numTensors;
    expect(() => neuron(model, { [name]: value })).toThrow(
      `${model.name}: ${name} must be ${must}, got ${shown(value)}`,
    );
    expect(memory().numTensors).toBe(before);
  });
});

describe("plifInitial", () => {
  it.each([...noNumbers, 1, 0, -1])("refuses τ = %o", (tau) =>
    expect(() => plifInitial(tau as number)).toThrow(
      new RangeError(`plifInitial: tau must be above 1 time-step, got ${shown(tau)}`),
    ),
  );
});
