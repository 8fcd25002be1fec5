/** @file Traced programs against the composed operations that they were traced from. */
import { type NeuronFormula, type NeuronStep, neuronFormula, runProgram } from "@sew/kernels";
import {
  type DrawnNeuron,
  type NeuronTensors,
  neuronNumbers,
  neuronSteps,
  neuronTensors,
  read,
  scoped,
} from "@sew/kernels/testing";
import { mul, onesLike, slice, type Tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** A drawn neuron, traced, with tensors for it. */
interface Case extends NeuronTensors {
  readonly formula: NeuronFormula;
  /** The parameters that the program has. */
  readonly read: readonly Tensor[];
  readonly steps: readonly Tensor[];
}

function forAll(check: (c: Case, drawn: DrawnNeuron) => void, numRuns = 200): void {
  fc.assert(
    fc.property(neuronSteps, neuronNumbers, (drawn, numbers) =>
      scoped(() => {
        const tensors = neuronTensors(drawn, numbers);
        const formula = neuronFormula(drawn.definition(tensors.parameters));
        expect(formula.program, String(drawn)).toBeDefined();
        const [steps, rows, channels] = numbers.shape;
        const x = Array.from({ length: steps }, (_, t) =>
          slice(tensors.x, [t, 0, 0], [1, rows, channels]).reshape([rows, channels]),
        );
        check({ ...tensors, formula, read: formula.parameters, steps: x }, drawn);
      }),
    ),
    { numRuns },
  );
}

/** One step by the program. */
function programStep({ formula, read }: Case, state: readonly Tensor[], x: Tensor): [Tensor, ...Tensor[]] {
  return runProgram(formula.program!.forward, [...state, x, ...read]) as [Tensor, ...Tensor[]];
}

const stateOf = ({ formula }: Case, { state }: Pick<NeuronStep, "state">) =>
  formula.stateNames.map((name) => state[name]!);

/** A result of a program, which may have fewer values where no input differs, in the shape of x. */
const fullSize = (result: Tensor, x: Tensor) => mul(result, onesLike(x));

describe("a traced neuron", () => {
  it("computes bit for bit what its composed operations compute, step by step", () =>
    forAll((c) => {
      let state = stateOf(c, c);
      for (const x of c.steps) {
        const composed = c.formula.step(Object.fromEntries(c.formula.stateNames.map((n, i) => [n, state[i]!])), x);
        const [spikes, ...after] = programStep(c, state, x);
        expect(read(fullSize(spikes, x))).toEqual(read(composed.spikes));
        state = stateOf(c, composed);
        for (const [i, s] of state.entries()) expect(read(fullSize(after[i]!, x))).toEqual(read(s));
      }
    }));
});
