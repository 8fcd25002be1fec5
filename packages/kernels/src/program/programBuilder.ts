import type { BinaryOp, Instruction, Program, Rate, UnaryOp } from "./program.js";
import { walk } from "./walk.js";

/** Any operation of values. */
export type Op = UnaryOp | BinaryOp | "select";

/** Builds a program instruction by instruction. Values have numbers: first the inputs, then the results. */
export interface ProgramBuilder {
  constant(value: number): number;
  op(op: Op, ...of: number[]): number;
  /** The program that returns these values, and computes nothing else. */
  program(outputs: readonly number[]): Program;
}

/** Operations whose float32 result follows from float64 arithmetic, rounded once. The others differ between backends. */
const exact: Partial<Record<Op, (a: number, b: number, c: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  not: (a) => Number(a === 0),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  equal: (a, b) => Number(a === b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
  select: (a, b, c) => (a !== 0 ? b : c),
};

const truths: ReadonlySet<Op | "constant"> = new Set(["less", "lessEqual", "equal", "and", "or", "not"]);
const commutative: ReadonlySet<Op> = new Set(["add", "mul", "equal", "and", "or"]);

/**
 * A builder that computes common subexpressions once, folds constants, and applies identities that keep every bit, such as
 * `x · 1 = x` and `a + −b = a − b`. (`x + 0 = x` is none: it makes 0 of −0.)
 *
 * @param inputs the rate of each input
 */
export function programBuilder(inputs: readonly Rate[]): ProgramBuilder {
  /** The instruction of each value; inputs have none. */
  const values: (Instruction | undefined)[] = inputs.map(() => undefined);
  const numbers = new Map<string, number>();

  function numberOf(instruction: Instruction, key: string): number {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    values.push(instruction);
    numbers.set(key, values.length - 1);
    return values.length - 1;
  }

  function constant(value: number): number {
    const rounded = Math.fround(value);
    return numberOf({ op: "constant", value: rounded }, Object.is(rounded, -0) ? "-0" : String(rounded));
  }

  /** The value of a constant. */
  function constantOf(number: number): number | undefined {
    const instruction = values[number];
    return instruction?.op === "constant" ? instruction.value : undefined;
  }

  /** The operand of an operation of one value. */
  function operandOf(op: UnaryOp, number: number): number | undefined {
    const instruction = values[number];
    return instruction?.op === op ? instruction.of[0] : undefined;
  }

  /** Whether the value is 0 or 1 by construction. */
  function isTruth(number: number): boolean {
    const instruction = values[number];
    if (instruction === undefined) return false;
    if (instruction.op === "constant") return Object.is(instruction.value, 0) || instruction.value === 1;
    if (truths.has(instruction.op)) return true;
    switch (instruction.op) {
      case "mul":
      case "min":
      case "max":
        return instruction.of.every(isTruth);
      case "sub":
        return constantOf(instruction.of[0]) === 1 && isTruth(instruction.of[1]);
      case "select":
        return isTruth(instruction.of[1]) && isTruth(instruction.of[2]);
      default:
        return false;
    }
  }

  function op(name: Op, ...of: number[]): number {
    const constants = of.map(constantOf);
    if (exact[name] !== undefined && !constants.includes(undefined)) {
      const [a, b, c] = constants as [number, number, number];
      return constant(exact[name](a, b, c));
    }
    const simplified = simplify(name, of as [number, number, number]);
    if (simplified !== undefined) return simplified;
    const operands = commutative.has(name) ? of.sort((a, b) => a - b) : of;
    return numberOf({ op: name, of: operands as readonly number[] } as Instruction, `${name} ${operands.join(" ")}`);
  }

  /** The value in another form of fewer or cheaper operations; every bit is the same. */
  function simplify(name: Op, [a, b, c]: readonly [number, number, number]): number | undefined {
    const [value, other] = [constantOf(a), constantOf(b)];
    const [minusA, minusB] = [operandOf("neg", a), operandOf("neg", b)];
    switch (name) {
      case "neg":
        return minusA;
      case "abs":
        return minusA === undefined ? undefined : op("abs", minusA);
      case "not": {
        const inner = operandOf("not", a);
        return inner !== undefined && isTruth(inner) ? inner : undefined;
      }
      case "add":
        if (Object.is(value, -0)) return b;
        if (Object.is(other, -0)) return a;
        if (minusB !== undefined) return op("sub", a, minusB);
        return minusA === undefined ? undefined : op("sub", b, minusA);
      case "sub":
        if (Object.is(other, 0)) return a;
        return minusB === undefined ? undefined : op("add", a, minusB);
      case "mul":
        return product(a, b, value, minusA) ?? product(b, a, other, minusB);
      case "div":
        if (other !== undefined && Math.abs(other) === 1) return other === 1 ? a : op("neg", a);
        if (other !== undefined && isInvertible(other)) return op("mul", a, constant(1 / other));
        if (minusA !== undefined) return op("neg", op("div", minusA, b));
        return minusB === undefined ? undefined : op("neg", op("div", a, minusB));
      case "select":
        if (value !== undefined) return value !== 0 ? b : c;
        if (b === c) return b;
        return other === 1 && Object.is(constantOf(c), 0) && isTruth(a) ? a : undefined;
      default:
        return undefined;
    }
  }

  /** `a · b` in another form, where a is this constant or the negative of that value. */
  function product(a: number, b: number, value: number | undefined, minusA: number | undefined): number | undefined {
    if (value === 1) return b;
    if (value === -1) return op("neg", b);
    if (Object.is(value, 0) && isTruth(b)) return a;
    return minusA === undefined ? undefined : op("neg", op("mul", minusA, b));
  }

  return { constant, op, program: (outputs) => packed(inputs, values, outputs) };
}

/** Whether dividing by a number is the same as multiplying by its inverse: for powers of two, but the outermost. */
function isInvertible(value: number): boolean {
  const exponent = Math.log2(Math.abs(value));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126;
}

const ranks: Readonly<Record<Rate, number>> = { scalar: 0, channel: 1, element: 2 };

/** The rate of each value of a program: constants are scalar, and results have the highest rate among their operands. */
export function rates({ inputs, instructions }: Pick<Program, "inputs" | "instructions">): Rate[] {
  const all: Rate[] = [...inputs];
  for (const instruction of instructions) all.push(rateOf(instruction, all));
  return all;
}

function rateOf(instruction: Instruction, all: readonly Rate[]): Rate {
  if (instruction.op === "constant") return "scalar";
  return highest(instruction.of.map((number) => all[number]!));
}

/** The highest of some rates; `"scalar"` of none. */
export function highest(some: readonly Rate[]): Rate {
  return some.reduce((a, b) => (ranks[a] < ranks[b] ? b : a), "scalar");
}

/** The program of the values that the outputs depend on: those that are scalar, then those per channel, then the others. */
function packed(
  inputs: readonly Rate[],
  values: readonly (Instruction | undefined)[],
  outputs: readonly number[],
): Program {
  const live = new Set<number>();
  const all: Rate[] = [];
  for (const [number, instruction] of values.entries()) {
    all.push(instruction === undefined ? inputs[number]! : rateOf(instruction, all));
  }
  const operands = (number: number): readonly number[] => {
    const instruction = values[number];
    return instruction === undefined || instruction.op === "constant" ? [] : instruction.of;
  };
  walk(outputs, operands, (number) => live.add(number));
  const order = [...live]
    .filter((number) => number >= inputs.length)
    .sort((a, b) => ranks[all[a]!] - ranks[all[b]!] || a - b);
  const places = new Map<number, number>(inputs.map((_, i) => [i, i]));
  for (const [i, number] of order.entries()) places.set(number, inputs.length + i);
  const place = (number: number): number => places.get(number)!;
  const instructions = order.map((number): Instruction => {
    const instruction = values[number]!;
    if (instruction.op === "constant") return instruction;
    return { op: instruction.op, of: instruction.of.map(place) as readonly number[] } as Instruction;
  });
  return { inputs: [...inputs], instructions, outputs: outputs.map(place) };
}
