/** @file Random neurons, traced: what the native kernels make of their programs. */
import { instructionSet, instructionSets, setInstructionSet, setSpikeStorage } from "@sew/backend-native";
import { hasKernel, multiStepNeuron, multiStepNeuronKernel, neuronFormula, runKernel, runProgram } from "@sew/kernels";
import {
  type DrawnNeuron,
  type NeuronNumbers,
  neuronNumbers,
  neuronSteps,
  neuronTensors,
  read,
  scoped,
} from "@sew/kernels/testing";
import { add, mul, onesLike, reshape, slice, type Tensor, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { lowered } from "../src/lowering.js";
import { describeNative, withThreads } from "./describeNative.js";

/** Several copies of the rows of a step, so that a step has more neurons than a block. */
const repeated = fc.constantFrom(1, 1, 1, 7, 173);

function repeat({ shape: [steps, rows, channels], values }: NeuronNumbers, times: number): NeuronNumbers {
  const x = steps * rows * channels;
  const copies = (from: number, count: number) =>
    Array.from({ length: times }, (_, copy) =>
      values.slice(from, from + count).map((value) => value * (1 - copy / times / 4)),
    ).flat();
  const state = [0, 1, 2].flatMap((i) => copies(x + i * rows * channels, rows * channels));
  return {
    shape: [steps, rows * times, channels],
    values: [...copies(0, x), ...state, ...values.slice(x + 3 * rows * channels)],
  };
}

/** A weight for every element, so that a mixed-up gradient shows. */
const weights = (shape: readonly number[], seed: number) =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(3 * i + seed)),
    [...shape],
  );

/** The value in the shape of x: a program's result may have fewer. */
const fullSize = (value: Tensor, x: Tensor) => mul(value, onesLike(x));

/** Values in which −0 is 0, as it is in stored counts. */
const unsigned = (values: Tensor) => read(values).map((value) => value + 0);

describeNative("a random neuron", () => {
  const best = instructionSet();
  afterAll(() => {
    setInstructionSet(best);
    setSpikeStorage("auto");
  });

  /** A drawn neuron's program, its inputs, and what its kernels give for them. */
  function outcome(drawn: DrawnNeuron, numbers: NeuronNumbers) {
    const { x, state, parameters } = neuronTensors(drawn, numbers);
    const formula = neuronFormula(drawn.definition(parameters));
    expect(hasKernel(multiStepNeuronKernel, formula), String(drawn)).toBe(true);
    const before = formula.stateNames.map((name) => state[name]!);
    const inputs = [x, ...before, ...formula.parameters];
    const gradients = [weights(x.shape, 1), ...before.map((v, i) => weights(v.shape, 2 + i))];
    const forward = multiStepNeuron(inputs, formula);
    const backward = runKernel("MultiStepNeuronGrad", [...inputs, ...gradients], formula);
    return { formula, x, before, gradients, forward, backward };
  }

  it("computes, on every instruction set and any number of threads, the bits of its program in tfjs operations", () =>
    fc.assert(
      fc.property(neuronSteps, neuronNumbers, repeated, fc.nat(9), fc.boolean(), (drawn, few, times, set, packed) =>
        scoped(() => {
          setInstructionSet(instructionSets()[set % instructionSets().length]!);
          setSpikeStorage(packed ? "auto" : "off");
          const numbers = repeat(few, times);
          const { formula, x, before, gradients, forward, backward } = outcome(drawn, numbers);
          const [steps, rows, channels] = numbers.shape;
          const rowOf = (t: Tensor, step: number) =>
            reshape(slice(t, [step, 0, 0], [1, rows, channels]), [rows, channels]);
          const program = formula.program!;
          let state = before;
          const states: Tensor[][] = [];
          for (let t = 0; t < steps; t++) {
            states.push(state);
            const current = rowOf(x, t);
            const [spikes, ...after] = runProgram(program.forward, [...state, current, ...formula.parameters]);
            expect(unsigned(rowOf(forward[0]!, t)), String(drawn)).toEqual(unsigned(fullSize(spikes!, current)));
            state = after.map((v) => fullSize(v, current));
          }
          for (const [i, v] of state.entries()) expect(read(forward[1 + i]!), String(drawn)).toEqual(read(v));
          let [dSpikes, ...dState] = gradients as [Tensor, ...Tensor[]];
          const terms: Tensor[][] = formula.parameters.map(() => []);
          for (let t = steps - 1; t >= 0; t--) {
            const current = rowOf(x, t);
            const given = [...states[t]!, current, ...formula.parameters, rowOf(dSpikes, t), ...dState];
            const [dx, ...rest] = runProgram(program.backward, given).map((d) => fullSize(d, current));
            expect(read(rowOf(backward[0]!, t)), String(drawn)).toEqual(read(dx!));
            dState = rest.slice(0, state.length);
            for (const [p, d] of rest.slice(state.length).entries()) terms[p]!.push(d);
          }
          for (const [i, d] of dState.entries()) expect(read(backward[1 + i]!), String(drawn)).toEqual(read(d));
          for (const [p, parameter] of formula.parameters.entries()) {
            const total = (of: (value: number) => number) => {
              const sums = new Float64Array(parameter.size);
              for (const d of terms[p]!) for (const [i, v] of read(d).entries()) sums[i % parameter.size]! += of(v);
              return sums;
            };
            const [expected, magnitude] = [total((v) => v), total(Math.abs)];
            for (const [c, value] of read(backward[1 + state.length + p]!).entries()) {
              expect(Math.abs(value - expected[c]!), String(drawn)).toBeLessThanOrEqual(
                2 ** -22 * magnitude[c]! + 2 ** -140,
              );
            }
          }
        }),
      ),
      { numRuns: 300 },
    ));

  it("gives the same bits on 1, 2 and 5 threads and on every instruction set", () =>
    fc.assert(
      fc.property(neuronSteps, neuronNumbers, fc.constantFrom(1, 173, 700), (drawn, few, times) =>
        scoped(() => {
          const numbers = repeat(few, times);
          const all = instructionSets().flatMap((set) => {
            setInstructionSet(set);
            return [1, 2, 5].map((threads) =>
              withThreads(threads, () => {
                const { forward, backward } = outcome(drawn, numbers);
                return [...forward, ...backward].map(read);
              }),
            );
          });
          for (const other of all) expect(other, String(drawn)).toEqual(all[0]);
        }),
      ),
      { numRuns: 60 },
    ));
});

it("is lowered once", () => {
  const { program } = neuronFormula({
    name: "summed",
    params: {},
    state: () => ({ v: 0 }),
    step: ({ v }, x) => ({ spikes: onesLike(x), state: { v: add(v!, x) } }),
  });
  expect(lowered(program!)).toBe(lowered(program!));
});
