/** @file The kernels that run neurons' programs, against an evaluation of these element by element. */
import type { NeuronFormula, NeuronProgram } from "@sew/kernels";
import * as fc from "fast-check";
import { lowered } from "../../src/lowering.js";
import { type AddonCall, type Call, float32s, type KernelCase } from "../kernelCase.js";
import { backwards, exactNeurons, unrolled } from "../programs.js";
import { about, edgeSizes, floats, seeds, type Values } from "../values.js";

/**
 * Sequences [T, ..., C], about the width of vectors, the 1024 neurons of a block, 32 chunks of one block, and with channels
 * that are no multiple of a vector.
 */
const shapes: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 12 }), edgeSizes).map(([steps, n]) => [steps, n]),
  fc.tuple(fc.integer({ min: 1, max: 5 }), fc.constantFrom(1, 3, 31, 32, 33), edgeSizes).map((shape) => [...shape]),
  fc.tuple(fc.integer({ min: 1, max: 3 }), about(1024, 2048)).map(([steps, n]) => [steps, n]),
  fc.constantFrom([4, 2, 3, 5], [1, 1], [3, 0, 2], [2], [1, 3300, 10], [2, 3, 683]),
);

/** What a contract has for the composed operations alone: a native kernel must do without it. */
export function unused(): never {
  throw new Error("a native kernel called a function among its attributes");
}

/** A neuron as kernels read it: its program. */
export function formulaOf(program: NeuronProgram): NeuronFormula {
  return { stateNames: program.state, initialState: unused, step: unused, program, parameters: [] };
}

/** Currents in (-2, 2), or halves and thirds of integers, which bring potentials onto thresholds. */
export const currents = (shape: readonly number[], seed: number): Values => {
  const { data, ...rest } = floats(shape, seed, seed % 2 === 0 ? "reals" : "integers");
  return { ...rest, data: (data as Float32Array).map((v) => (seed % 2 === 0 ? v : v / (2 + (seed % 3)))) };
};

/** Values for the parameters of a program. */
export const parametersOf = ({ parameters }: NeuronProgram, channels: number, seed: number): Values[] =>
  parameters.map(({ rate }, i) => floats(rate === "scalar" ? [] : [channels], seed + 10 + i, "reals"));

/** A call of a kernel, by what it is given. */
interface NeuronCall {
  readonly x: Values;
  readonly state: readonly Values[];
  readonly parameters: readonly Values[];
  readonly dSpikes: Values;
  readonly dState: readonly Values[];
  readonly program: NeuronProgram;
}

const drawn: fc.Arbitrary<NeuronCall> = fc
  .record({ shape: shapes, program: exactNeurons, seed: seeds })
  .map(({ shape, program, seed }) => ({
    x: currents(shape, seed),
    state: program.state.map((_, i) => currents(shape.slice(1), seed + 2 + i)),
    parameters: parametersOf(program, shape.length > 1 ? shape.at(-1)! : 1, seed),
    dSpikes: floats(shape, seed + 6, "reals"),
    dState: program.state.map((_, i) => floats(shape.slice(1), seed + 7 + i, "reals")),
    program,
  }));

const callOf = (inputs: readonly Values[], program: NeuronProgram): Call => ({ inputs, attrs: formulaOf(program) });

/** The parts of a call. */
function partsOf({ inputs, attrs }: Call): NeuronCall {
  const { program } = attrs as { program: NeuronProgram };
  const { length: states } = program.state;
  const [x, ...rest] = inputs as readonly [Values, ...Values[]];
  const dSpikesAt = states + program.parameters.length;
  return {
    x,
    state: rest.slice(0, states),
    parameters: rest.slice(states, dSpikesAt),
    dSpikes: rest[dSpikesAt]!,
    dState: rest.slice(dSpikesAt + 1),
    program,
  };
}

const dataOf = (values: readonly Values[]) => values.map(({ data }) => data);

export const cases: readonly KernelCase[] = [
  {
    kernel: "MultiStepNeuron",
    calls: drawn.map(({ x, state, parameters, program }) => callOf([x, ...state, ...parameters], program)),
    expected: (call) => {
      const { x, state, parameters, program } = partsOf(call);
      const { spikes, state: after } = unrolled(program, x, dataOf(state), parameters);
      return [{ shape: x.shape, data: spikes }, ...after.map((data) => ({ shape: x.shape.slice(1), data }))];
    },
    // It has no such kernel. programs.test.ts compares with the composed operations.
    onCpu: () => false,
  },
  {
    kernel: "MultiStepNeuronGrad",
    calls: drawn.map(({ x, state, parameters, dSpikes, dState, program }) =>
      callOf([x, ...state, ...parameters, dSpikes, ...dState], program),
    ),
    expected: (call) => {
      const { x, state, parameters, dSpikes, dState, program } = partsOf(call);
      const found = backwards(program, x, dataOf(state), parameters, dSpikes, dataOf(dState));
      return [
        { shape: x.shape, data: found.dx },
        ...found.dState.map((data) => ({ shape: x.shape.slice(1), data })),
        ...found.sums,
      ];
    },
    onCpu: () => false,
  },
];

/** A neuron of one variable and a parameter for each channel: v + p x. */
export const smallCode = lowered({
  name: "small",
  state: ["v"],
  parameters: [{ name: "p", rate: "channel" }],
  initial: { inputs: ["channel"], instructions: [], outputs: [0] },
  forward: {
    inputs: ["element", "element", "channel"],
    instructions: [
      { op: "mul", of: [1, 2] },
      { op: "add", of: [0, 3] },
      { op: "constant", value: 1 },
      { op: "lessEqual", of: [5, 4] },
    ],
    outputs: [6, 4],
  },
  backward: {
    inputs: ["element", "element", "channel", "element", "element"],
    instructions: [
      { op: "mul", of: [4, 2] },
      { op: "mul", of: [4, 1] },
    ],
    outputs: [5, 4, 6],
  },
  initialBackward: { inputs: ["channel", "element"], instructions: [], outputs: [1] },
  spikes: { kind: "bits" },
});

export const addonCalls: Readonly<Record<string, AddonCall>> = {
  multiStepNeuron: {
    numbers: [smallCode.length, 2, 6, 3],
    arrays: [smallCode, ...[12, 6, 3, 12, 6].map(float32s)],
    sizes: [1, 3],
  },
  multiStepNeuronGrad: {
    numbers: [smallCode.length, 2, 6, 3],
    arrays: [smallCode, ...[12, 6, 3, 12, 6, 12, 6, 3].map(float32s)],
    sizes: [1, 3],
  },
};
