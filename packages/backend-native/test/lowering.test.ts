/** @file Programs as code for the C++ interpreter. */
import { runNative } from "@sew/backend-native";
import type { Instruction, NeuronProgram, Program } from "@sew/kernels";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { chains, lowered } from "../src/lowering.js";
import { describeNative } from "./describeNative.js";
import { currents, parametersOf, smallCode } from "./kernels/multiStepNeuron.js";
import { evaluated, exactNeurons } from "./programs.js";
import { seeds } from "./values.js";

const [steps, channels, size] = [3, 5, 45] as const;

/** Arrays of the kernels' arguments for a neuron, apart from its code. */
function argumentsOf(program: NeuronProgram, seed: number) {
  const values = (shape: readonly number[], at: number) => currents(shape, seed + at).data as Float32Array;
  const parameters = parametersOf(program, channels, seed).map(({ data }) => data as Float32Array);
  const state = program.state.map((_, i) => values([size], 2 + i));
  const empty = (arrays: readonly Float32Array[]) => arrays.map(({ length }) => new Float32Array(length));
  const norm = [1, 2, 3, 4].map((i) => values([channels], 20 + i).map((v) => Math.abs(v) + 0.5));
  return { x: values([steps * size], 0), state, parameters, norm, empty, dSpikes: values([steps * size], 30) };
}

const numbersOf = (code: Int32Array) => [code.length, steps, size, channels];

/** The operation of an instruction, and whether its operands are in the other order. */
const instructionOf: Readonly<Record<string, readonly [op: "sub" | "div" | "lessEqual" | "mul", isReversed: boolean]>> =
  {
    subFrom: ["sub", true],
    divFrom: ["div", true],
    atLeast: ["lessEqual", true],
    square: ["mul", false],
  };

/** A neuron that fires a chain's value of x and other operands, of which those whose bit is set are scalar parameters. */
function neuronOfChain(chain: string, scalars: number): NeuronProgram {
  const names = chain.split(" ");
  const others = names.filter((name) => name !== "abs" && name !== "square").length;
  const isScalar = Array.from({ length: others }, (_, i) => (scalars >> i) % 2 === 1);
  const states = isScalar.filter((scalar) => !scalar).length;
  // Inputs are the state variables, x, and the parameters.
  let [state, parameter, operand] = [0, states + 1, 0];
  const operands = isScalar.map((scalar) => (scalar ? parameter++ : state++));
  let value = states;
  const instructions = names.map((name, i): Instruction => {
    const [op, isReversed] = instructionOf[name] ?? [name, false];
    const before = value;
    value = others + 1 + i;
    if (name === "abs") return { op: "abs", of: [before] };
    const other = name === "square" ? before : operands[operand++]!;
    return { op: op as "sub", of: isReversed ? [other, before] : [before, other] };
  });
  const parameters = Array.from({ length: others - states }, (_, i) => ({ name: `p${i}`, rate: "scalar" as const }));
  const inputs = [
    ...Array.from({ length: states + 1 }, () => "element" as const),
    ...parameters.map(({ rate }) => rate),
  ];
  const empty = (of: Program["inputs"], outputs: number): Program => {
    return { inputs: of, instructions: [{ op: "constant", value: 0 }], outputs: Array(outputs).fill(of.length) };
  };
  const rates = parameters.map(({ rate }) => rate);
  const elements = Array.from({ length: states + 1 }, () => "element" as const);
  return {
    name: chain,
    state: elements.slice(1).map((_, i) => `v${i}`),
    parameters,
    initial: empty(rates, states),
    forward: { inputs, instructions, outputs: [value, ...elements.slice(1).map((_, i) => i)] },
    backward: empty([...inputs, ...elements], 1 + states + parameters.length),
    initialBackward: empty([...rates, ...elements.slice(1)], parameters.length),
    spikes: { kind: "reals" },
  };
}

describeNative("code", () => {
  it.each([...chains])("computes %s in one pass, of scalars and of values of each neuron", (chain, pattern) => {
    for (const scalars of pattern === undefined ? Array(16).keys() : [pattern]) {
      const program = neuronOfChain(chain, scalars);
      const code = lowered(program);
      const { x, state, parameters, empty } = argumentsOf(program, scalars);
      const [spikes, ...after] = empty([x, ...state]) as [Float32Array, ...Float32Array[]];
      runNative("multiStepNeuron", numbersOf(code), code, x, ...state, ...parameters, spikes, ...after);
      const expected = x.map((value, i) => {
        const before = [...state.map((v) => v[i % size]!), value, ...parameters.map((p) => p[0]!)];
        return evaluated(program.forward, before)[0]!;
      });
      expect(spikes).toEqual(expected);
      // Of two values of each neuron it is lessEqual, with the operands in the other order.
      if (chain.startsWith("atLeast") && scalars % 2 === 0) continue;
      // Forward has no instruction but this one and a copy of each state variable.
      const { length: states } = program.state;
      const savedAt = 2 + program.parameters.length;
      const initialWords = 6 + (states === 0 ? 0 : 1 + 10 * states);
      expect(code[savedAt + 1 + code[savedAt]! + initialWords + 5]).toBe(1 + states);
    }
  });

  // x + 0.25 begins two chains, and x + 0.25 - 0.5, which one of them computes, two more.
  it("computes what begins several chains for each of them, of what is computed for each of them, too", () => {
    const [v, u, x, quarter, half, one, three] = [0, 1, 2, 3, 4, 5, 6];
    const constants = [0.25, 0.5, 1, 3].map((value): Instruction => ({ op: "constant", value }));
    const instructions: Instruction[] = [
      ...constants,
      { op: "add", of: [x, quarter] },
      { op: "sub", of: [7, half] },
      { op: "lessEqual", of: [quarter, 8] },
      { op: "sub", of: [one, 9] },
      { op: "mul", of: [10, v] },
      { op: "mul", of: [8, three] },
      { op: "mul", of: [12, 12] },
      { op: "add", of: [one, 13] },
      { op: "div", of: [one, 14] },
      { op: "mul", of: [15, v] },
      { op: "add", of: [16, u] },
      { op: "mul", of: [7, v] },
    ];
    const program = neuronOfChain("add sub", 0);
    const neuron = { ...program, forward: { ...program.forward, instructions, outputs: [11, 17, 18] } };
    const { x: values, state, empty } = argumentsOf(neuron, 7);
    const currents = values.slice(0, size);
    const outputs = empty([currents, ...state]);
    const code = lowered(neuron);
    runNative("multiStepNeuron", [code.length, 1, size, channels], code, currents, ...state, ...outputs);
    const expected = Array.from(currents, (value, i) =>
      evaluated(neuron.forward, [state[0]![i]!, state[1]![i]!, value]),
    );
    expect(outputs.map((output) => [...output])).toEqual([0, 1, 2].map((output) => expected.map((of) => of[output])));
  });

  it("lets the gradient of the currents take the memory of the spikes' gradient", () =>
    fc.assert(
      fc.property(exactNeurons, seeds, (program, seed) => {
        const { x, norm, parameters, empty, dSpikes } = argumentsOf(program, seed);
        const code = lowered(program);
        const run = (gradient: Float32Array, dx: Float32Array) => {
          const rest = [...empty(norm.slice(2)), ...empty(parameters)];
          const arrays = [x, ...norm, ...parameters, gradient, dx, ...rest];
          runNative("normNeuronGrad", [0.1, 1, ...numbersOf(code)], code, ...arrays);
          return [dx, ...rest];
        };
        const expected = run(dSpikes, new Float32Array(dSpikes.length));
        const own = dSpikes.slice();
        expect(run(own, own)).toEqual(expected);
      }),
      { numRuns: 500 },
    ));

  it("is refused where a word of it is damaged, or computes something", () =>
    fc.assert(
      fc.property(
        exactNeurons,
        seeds,
        fc.array(
          fc.tuple(
            fc.nat(9999),
            fc.oneof(fc.integer({ min: -2, max: 600 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 2 ** 20, 2 ** 24)),
          ),
          { minLength: 1, maxLength: 3 },
        ),
        (program, seed, damages) => {
          const { x, state, parameters, empty, dSpikes } = argumentsOf(program, seed);
          const code = lowered(program).slice();
          for (const [at, word] of damages) code[at % code.length] = word;
          const outputs = [x, ...state, ...parameters];
          const arrays = [x, ...state, ...parameters, dSpikes, ...empty(state), ...empty(outputs)];
          try {
            runNative("multiStepNeuronGrad", numbersOf(code), code, ...arrays);
          } catch (error) {
            expect((error as Error).message).toMatch(
              /^multiStepNeuronGrad: a (number or a buffer is missing, or a size is out of range|buffer is smaller than the shapes say); /,
            );
          }
        },
      ),
      { numRuns: 3000 },
    ));

  it.each([
    { what: "ends early", code: smallCode.slice(0, -1) },
    { what: "has words behind it", code: Int32Array.from([...smallCode, 0]) },
    { what: "has an unknown operation", code: smallCode.with(smallCode.length - 10, 10_000) },
    { what: "writes to an input", code: smallCode.with(smallCode.length - 8, 0) },
    { what: "reads no register", code: smallCode.with(smallCode.length - 7, -1) },
    { what: "has no neuron", code: new Int32Array() },
  ])("is refused where it $what", ({ code }) => {
    const arrays = [12, 6, 3, 12, 6].map((length) => new Float32Array(length));
    expect(() => runNative("multiStepNeuron", [code.length, 2, 6, 3], code, ...arrays)).toThrow(
      /^multiStepNeuron: a number or a buffer is missing, or a size is out of range; /,
    );
  });
});

const nothing: Program = { inputs: [], instructions: [], outputs: [] };

/** A neuron of n state variables and p parameters, whose forward program is given. */
const neuronOf = (variables: number, parameters: number, forward: Program): NeuronProgram => ({
  name: "large",
  state: Array.from({ length: variables }, (_, i) => `v${i}`),
  parameters: Array.from({ length: parameters }, (_, i) => ({ name: `p${i}`, rate: "scalar" })),
  initial: nothing,
  forward,
  backward: nothing,
  initialBackward: nothing,
  spikes: { kind: "reals" },
});

it("refuses more state variables and parameters than the interpreter has room for", () => {
  expect(() => lowered(neuronOf(9, 0, nothing))).toThrow(
    new RangeError(
      "large: a neuron of a fused kernel of the backend native must have at most 8 state variables and 16 tensors among its parameters, got 9 and 0; keep fewer variables, and pass parameters that are not learned as numbers",
    ),
  );
  expect(() => lowered(neuronOf(1, 17, nothing))).toThrow(
    new RangeError(
      "large: a neuron of a fused kernel of the backend native must have at most 8 state variables and 16 tensors among its parameters, got 1 and 17; keep fewer variables, and pass parameters that are not learned as numbers",
    ),
  );
});

it("refuses a program with more registers than the interpreter has room for", () => {
  const constants: Instruction[] = Array.from({ length: 600 }, (_, value) => ({ op: "constant", value }));
  const sums = constants.map((_, i): Instruction => ({ op: "add", of: [i === 0 ? 0 : 600 + i, 1 + i] }));
  const forward: Program = { inputs: ["element"], instructions: [...constants, ...sums], outputs: [1200] };
  expect(() => lowered(neuronOf(0, 0, forward))).toThrow(
    new RangeError(
      "large: a neuron of a fused kernel of the backend native must need at most 512 registers, got 603; use fewer different constants, and values soon after they are computed",
    ),
  );
});

it("gives values that are not needed at the same time one register", () => {
  const sums: Instruction[] = Array.from({ length: 300 }, (_, i) => ({ op: "min", of: [i, 0] }));
  const code = lowered(neuronOf(0, 0, { inputs: ["element"], instructions: sums, outputs: [300] }));
  // No state variable, no parameter, nothing saved; initial: 6 words; forward: no scalars, one block.
  expect([...code.slice(9, 15)]).toEqual([0, 1, 0, 0, 0, 300]);
});
