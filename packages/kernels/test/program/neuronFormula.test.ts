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
import { add, engine, mul, onesLike, reshape, slice, sum, type Tensor, tensor, zerosLike } from "@tensorflow/tfjs-core";
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
          reshape(slice(tensors.x, [t, 0, 0], [1, rows, channels]), [rows, channels]),
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

/** Weights of spikes and states in a loss, so that a mixed-up gradient shows. */
const weights = (shape: number[], seed: number) =>
  tensor(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(3 * i + seed)),
    shape,
  );

/** Gradients of x, of the state variables before the first step, and of the program's parameters. */
type Gradients = readonly [dx: readonly Tensor[], dState: readonly Tensor[], dParameters: readonly Tensor[]];

/** The backward pass of a sequence by the program; from rest, its gradients of the parameters have those of the state, too. */
function programGradients(c: Case, fromRest: boolean): Gradients {
  const { program } = c.formula;
  const x0 = c.steps[0]!;
  const initial = () => runProgram(program!.initial, c.read).map((s) => fullSize(s, x0));
  const states = [fromRest ? initial() : stateOf(c, c)];
  for (const x of c.steps) {
    const [, ...after] = programStep(c, states.at(-1)!, x);
    states.push(after.map((s) => fullSize(s, x)));
  }
  const reduced = (gradient: Tensor, i: number) => {
    const full = fullSize(gradient, x0);
    return c.read[i]!.rank === 0 ? sum(full) : sum(full, 0);
  };
  let dState = states[0]!.map((s, i) => weights(s.shape, i + 1));
  let dParameters = c.read.map((p) => zerosLike(p));
  const dx: Tensor[] = [];
  for (const [t, x] of [...c.steps.entries()].reverse()) {
    const dSpikes = weights(x.shape, 10 + t);
    const all = runProgram(program!.backward, [...states[t]!, x, ...c.read, dSpikes, ...dState]);
    dx.unshift(fullSize(all[0]!, x));
    dState = all.slice(1, 1 + dState.length).map((d) => fullSize(d, x));
    dParameters = dParameters.map((d, i) => add(d, reduced(all[1 + dState.length + i]!, i)));
  }
  if (!fromRest) return [dx, dState, dParameters];
  const atRest = runProgram(program!.initialBackward, [...c.read, ...dState]);
  return [dx, [], dParameters.map((d, i) => add(d, reduced(atRest[i]!, i)))];
}

/** The same by the autodiff of tfjs, through the composed operations. */
function composedGradients(c: Case, fromRest: boolean): Gradients {
  const before = fromRest ? [] : stateOf(c, c);
  const loss = (): Tensor => {
    const rest = () => c.formula.initialState(c.steps[0]!.shape);
    let state = fromRest ? rest() : Object.fromEntries(c.formula.stateNames.map((name, i) => [name, before[i]!]));
    const terms: Tensor[] = [];
    for (const [t, x] of c.steps.entries()) {
      const step = c.formula.step(state, x);
      terms.push(sum(mul(step.spikes, weights(x.shape, 10 + t))));
      state = step.state;
    }
    const last = c.formula.stateNames.map((name, i) => sum(mul(state[name]!, weights(state[name]!.shape, i + 1))));
    return [...terms, ...last].reduce((a, b) => add(a, b));
  };
  const by = [...c.steps, ...before, ...c.read];
  const { grads } = engine().gradients(loss, by, undefined, true);
  const all = by.map((input, i) => grads[i] ?? zerosLike(input));
  const [x, state] = [c.steps.length, before.length];
  return [all.slice(0, x), all.slice(x, x + state), all.slice(x + state)];
}

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

  it("starts where its composed operations start", () =>
    forAll((c) => {
      const x = c.steps[0]!;
      const composed = c.formula.initialState(x.shape);
      const rest = runProgram(c.formula.program!.initial, c.read);
      // 0 + −0 is 0.
      const plain = (t: Tensor) => read(add(fullSize(t, x), 0));
      for (const [i, name] of c.formula.stateNames.entries()) expect(plain(rest[i]!)).toEqual(plain(composed[name]!));
    }));

  it.each([false, true])(
    "has the gradients of tfjs's autodiff over a sequence, of all inputs (from rest: %s)",
    (fromRest) =>
      forAll((c, drawn) => {
        const [own, autodiff] = [programGradients(c, fromRest).flat(), composedGradients(c, fromRest).flat()];
        const expected = autodiff.map(read);
        // The terms of a sum may cancel: what rounds is in proportion to the largest.
        const bound = 1e-6 * Math.max(1, ...expected.flat().map(Math.abs)) * c.steps.length;
        for (const [i, gradient] of own.entries()) {
          for (const [k, value] of read(gradient).entries()) {
            expect(Math.abs(value - expected[i]![k]!), String(drawn)).toBeLessThanOrEqual(bound);
          }
        }
      }),
  );
});
