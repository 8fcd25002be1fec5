/** @file Programs of neurons, drawn and evaluated the slow, obvious way. */
import type { BinaryOp, Instruction, NeuronProgram, Program, Rate, UnaryOp } from "@sew/kernels";
import * as fc from "fast-check";
import { sizeOf, type Values } from "./values.js";

const f = Math.fround;
const truth = (holds: boolean) => (holds ? 1 : 0);

/** Ties to even; a zero has the sign of a. */
function rounded(a: number): number {
  const whole = Math.abs(a) < 2 ** 23 ? Math.abs(a) + 2 ** 52 - 2 ** 52 : Math.abs(a);
  return a < 0 || Object.is(a, -0) ? -whole : whole;
}

/** The operations that float32 arithmetic rounds correctly or not at all. */
const exactUnary: Partial<Record<UnaryOp, (a: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  round: rounded,
  not: (a) => truth(a === 0),
};
const exactBinary: Partial<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // Of zeros of both signs either is the larger one.
  min: (a, b) => (Number.isNaN(a) || a < b ? a : b),
  max: (a, b) => (Number.isNaN(a) || a > b ? a : b),
  less: (a, b) => truth(a < b),
  lessEqual: (a, b) => truth(a <= b),
  equal: (a, b) => truth(a === b),
  and: (a, b) => truth(a !== 0 && b !== 0),
  or: (a, b) => truth(a !== 0 || b !== 0),
};

/** The outputs of a program of exact operations for one element. */
export function evaluated({ instructions, outputs }: Program, inputs: readonly number[]): number[] {
  const values = [...inputs];
  for (const instruction of instructions) {
    if (instruction.op === "constant") values.push(f(instruction.value));
    else {
      const [a, b, c] = instruction.of.map((i) => values[i]!) as [number, number, number];
      if (instruction.op === "select") values.push(a !== 0 ? b : c);
      else if (instruction.of.length === 1) values.push(f(exactUnary[instruction.op as UnaryOp]!(a)));
      else values.push(f(exactBinary[instruction.op as BinaryOp]!(a, b)));
    }
  }
  return outputs.map((i) => values[i]!);
}

const unaryNames = Object.keys(exactUnary) as UnaryOp[];
const binaryNames = Object.keys(exactBinary) as BinaryOp[];

/** Recent values more often, so that chains are long. */
const operand = fc.oneof(fc.nat(99), { weight: 2, arbitrary: fc.nat(3).map((back) => -1 - back) });
const drawnInstruction = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 1, -1, 2, 0.5, 0.3, -4).map((value) => ({ op: "constant", value })) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom(...unaryNames), of: fc.tuple(operand) }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constantFrom(...binaryNames), of: fc.tuple(operand, operand) }) },
  // The operations of which chains are.
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constantFrom("add", "sub", "mul", "div", "lessEqual"),
      of: fc.tuple(operand, operand),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("select"), of: fc.tuple(operand, operand, operand) }) },
);

/** Programs of exact operations of these inputs, any value an output. */
function exactPrograms(inputs: readonly Rate[], outputs: number): fc.Arbitrary<Program> {
  return fc
    .tuple(
      fc.array(drawnInstruction, { minLength: inputs.length + outputs === 0 ? 0 : 1, maxLength: 16 }),
      fc.array(operand, { minLength: outputs, maxLength: outputs }),
    )
    .map(([drawn, chosen]) => {
      // Of no inputs the first value is a constant.
      const list = inputs.length === 0 ? [{ op: "constant", value: 0.25 }, ...drawn] : drawn;
      const at = (pick: number, count: number) => (pick < 0 ? Math.max(0, count + pick) : pick % count);
      const instructions = list.map((instruction, i) =>
        "of" in instruction
          ? { op: instruction.op, of: instruction.of.map((pick) => at(pick, inputs.length + i)) }
          : instruction,
      ) as unknown as Instruction[];
      return { inputs, instructions, outputs: chosen.map((pick) => at(pick, inputs.length + instructions.length)) };
    });
}

/** A program of whose first output nothing but its kind is changed. */
function firing({ inputs, instructions, outputs }: Program, kind: NeuronProgram["spikes"]): Program {
  const list = [...instructions];
  const add = (instruction: Instruction): number => inputs.length + list.push(instruction) - 1;
  const constant = (value: number) => add({ op: "constant", value });
  let [spikes, ...state] = outputs as [number, ...number[]];
  if (kind.kind === "bits") spikes = add({ op: "lessEqual", of: [constant(0.25), spikes] });
  if (kind.kind === "counts") {
    spikes = add({
      op: "min",
      of: [add({ op: "max", of: [add({ op: "round", of: [spikes] }), constant(0)] }), constant(kind.most)],
    });
  }
  return { inputs, instructions: list, outputs: [spikes, ...state] };
}

/** Neurons of exact operations that mean nothing: the backward program is no gradient of the forward program. */
export const exactNeurons: fc.Arbitrary<NeuronProgram> = fc
  .record({
    state: fc.integer({ min: 0, max: 3 }),
    rates: fc.array(fc.constantFrom("scalar" as const, "channel" as const), { maxLength: 3 }),
    spikes: fc.constantFrom<NeuronProgram["spikes"]>(
      { kind: "bits" },
      { kind: "counts", most: 3 },
      { kind: "counts", most: 1 },
      { kind: "counts", most: 300 },
      { kind: "reals" },
    ),
  })
  .chain(({ state, rates, spikes }) => {
    const elements = (count: number) => Array.from({ length: count }, () => "element" as const);
    return fc.record({
      name: fc.constant("drawn"),
      state: fc.constant(Array.from({ length: state }, (_, i) => `v${i}`)),
      parameters: fc.constant(rates.map((rate, i) => ({ name: `p${i}`, rate }))),
      initial: exactPrograms(rates, state),
      forward: exactPrograms([...elements(state + 1), ...rates], 1 + state).map((program) => firing(program, spikes)),
      backward: exactPrograms([...elements(state + 1), ...rates, ...elements(1 + state)], 1 + state + rates.length),
      initialBackward: exactPrograms([...rates, ...elements(state)], rates.length),
      spikes: fc.constant(spikes),
    });
  });

/** What a sequence gives: one value for each element, step by step. */
export interface Unrolled {
  readonly spikes: Float64Array;
  readonly state: readonly Float64Array[];
  /** The state before each step. */
  readonly before: readonly (readonly number[])[];
}

/** The state of neurons at rest. */
export function atRest({ initial }: NeuronProgram, n: number, parameters: readonly Values[]): Float32Array[] {
  const all = Array.from({ length: n }, (_, i) =>
    evaluated(
      initial,
      parameters.map(({ data }) => data[i % data.length]!),
    ),
  );
  return initial.outputs.map((_, k) => Float32Array.from({ length: n }, (_, i) => all[i]![k]!));
}

/** The sequence x `[T, ...]`. */
export function unrolled(
  { forward }: NeuronProgram,
  x: Values,
  start: readonly ArrayLike<number>[],
  parameters: readonly Values[],
): Unrolled {
  const n = sizeOf(x.shape.slice(1));
  const spikes = new Float64Array(x.data.length);
  const before: number[][] = [];
  const state = start.map((v) => Float64Array.from(v));
  for (let i = 0; i < x.data.length; i++) {
    const element = i % n;
    const own = state.map((v) => v[element]!);
    before.push(own);
    const of = parameters.map((p) => p.data[element % p.data.length]!);
    const [fired, ...after] = evaluated(forward, [...own, x.data[i]!, ...of]);
    spikes[i] = fired!;
    for (const [k, v] of state.entries()) v[element] = after[k]!;
  }
  return { spikes, state, before };
}

/** The backward pass of the sequence: as a kernel returns it, and sums of the magnitudes of what it adds up. */
export function backwards(
  program: NeuronProgram,
  x: Values,
  start: readonly ArrayLike<number>[],
  parameters: readonly Values[],
  dSpikes: Values,
  dState: readonly ArrayLike<number>[],
) {
  const n = sizeOf(x.shape.slice(1));
  const { before } = unrolled(program, x, start, parameters);
  const dx = new Float64Array(x.data.length);
  const dv = dState.map((d) => Float64Array.from(d));
  const totals = parameters.map(() => new Float32Array(n));
  for (let i = x.data.length - 1; i >= 0; i--) {
    const element = i % n;
    const of = parameters.map((p) => p.data[element % p.data.length]!);
    const gradients = [dSpikes.data[i]!, ...dv.map((d) => d[element]!)];
    const [first, ...rest] = evaluated(program.backward, [...before[i]!, x.data[i]!, ...of, ...gradients]);
    dx[i] = first!;
    for (const [k, d] of dv.entries()) d[element] = rest[k]!;
    for (const [p, total] of totals.entries()) total[element]! += rest[dv.length + p]!;
  }
  const sums = parameters.map(({ shape, data }, p) => {
    const [sum, magnitude] = [new Float64Array(data.length), new Float64Array(data.length)];
    for (const [i, value] of totals[p]!.entries()) {
      sum[i % data.length]! += value;
      magnitude[i % data.length]! += Math.abs(value);
    }
    return { shape, data: Float32Array.from(sum), within: magnitude.map((m) => m * 2 ** -23) };
  });
  return { dx, dState: dv, sums };
}
