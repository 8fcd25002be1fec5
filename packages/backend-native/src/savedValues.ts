/**
 * @file What the backward pass of a neuron saves of the forward pass, which it repeats first.
 *
 * It is the cheapest set of values from which the gradients follow: of LIF the charged potential alone, instead of the potential
 * before the step and the current.
 */
import { type Instruction, type NeuronProgram, type Program, rates } from "@sew/kernels";
import { type CutNode, smallestCut } from "./smallestCut.js";

/** The programs of a neuron's backward pass. With S state variables, their inputs 0 to S are these and the current. */
export interface SavedValues {
  /** For each saved value the input of the forward program that it is, or S + 1 where `record` computes it. */
  readonly saved: readonly number[];
  /** From the inputs of the forward program to the saved values that are computed, and the state after the step. */
  readonly record: Program;
  /** The backward program, which reads the saved values instead of the state before the step and the current. */
  readonly backward: Program;
}

/**
 * The cost of saving a value. Fewer values cost less, whatever they are. What the forward program reads more than once is no part
 * of a chain there; inputs leave all else to be computed again; others need operations of their own.
 */
const [READ_AGAIN, OF_FORWARD, INPUT, OTHER] = [32, 33, 34, 35];

export function savedValues({ state, forward, backward }: NeuronProgram): SavedValues {
  const variable = state.length + 1; // inputs that differ between neurons: the state and the current
  const { instructions, numberOf } = merged(forward, backward);
  const known = knownValues(backward, variable);
  const isRead = new Set(backward.outputs);
  for (const number of [...valuesOf(backward)].reverse()) {
    if (isRead.has(number)) for (const operand of operandsOf(backward, number)) isRead.add(operand);
  }
  const isTarget = new Set(backward.outputs);
  for (const number of isRead) {
    if (!known.has(number)) for (const operand of operandsOf(backward, number)) isTarget.add(operand);
  }
  const cost = (number: number): number => {
    // Without a state nothing is repeated for the currents' sake.
    if (number < variable) return state.length === 0 ? 1 : INPUT;
    const place = numberOf(number);
    if (place >= forward.inputs.length + forward.instructions.length) return OTHER;
    return forward.instructions.filter((_, i) => operandsOf(forward, forward.inputs.length + i).includes(place))
      .length > 1
      ? READ_AGAIN
      : OF_FORWARD;
  };
  const nodes = [...known]
    .filter((number) => isRead.has(number))
    .map((number): CutNode => {
      const of = operandsOf(backward, number).filter((operand) => known.has(operand));
      return { number, of, cost: cost(number), isTarget: isTarget.has(number) };
    });
  const cut = smallestCut(nodes);
  const computed = cut.filter((number) => number >= variable).map(numberOf);
  return {
    saved: cut.map((number) => Math.min(number, variable)),
    record: { inputs: forward.inputs, instructions, outputs: [...computed, ...forward.outputs.slice(1)] },
    backward: reading(cut, backward, variable),
  };
}

/** The numbers of a program's values. */
const valuesOf = ({ inputs, instructions }: Program) => Array(inputs.length + instructions.length).keys();

function operandsOf({ inputs, instructions }: Program, number: number): readonly number[] {
  const instruction = instructions[number - inputs.length];
  return instruction === undefined || instruction.op === "constant" ? [] : instruction.of;
}

/** The values that differ between neurons and follow from the first inputs and the parameters. */
function knownValues(program: Program, variable: number): Set<number> {
  const rateOf = rates(program);
  const known = new Set<number>();
  for (const number of valuesOf(program)) {
    const of = operandsOf(program, number);
    const follows = of.length > 0 && of.every((operand) => rateOf[operand] !== "element" || known.has(operand));
    if (number < variable || (follows && rateOf[number] === "element")) known.add(number);
  }
  return known;
}

/** Instructions of the forward program, then those of the other that it lacks and that need no other inputs. */
function merged(forward: Program, backward: Program) {
  const first = forward.inputs.length;
  const instructions: Instruction[] = [...forward.instructions];
  const keyOf = (instruction: Instruction): string => {
    if (instruction.op === "constant") return Object.is(instruction.value, -0) ? "-0" : String(instruction.value);
    return `${instruction.op} ${instruction.of.join(" ")}`;
  };
  const places = new Map(instructions.map((instruction, i) => [keyOf(instruction), first + i]));
  const numbers = new Map(forward.inputs.map((_, i) => [i, i]));
  for (const [i, instruction] of backward.instructions.entries()) {
    const moved = withOperands(instruction, numbers);
    if (moved === undefined) continue;
    const place = places.get(keyOf(moved)) ?? first + instructions.push(moved) - 1;
    places.set(keyOf(moved), place);
    numbers.set(backward.inputs.length + i, place);
  }
  return { instructions, numberOf: (number: number): number => numbers.get(number)! };
}

/** The program with these values as its first inputs, in place of some others. */
function reading(values: readonly number[], program: Program, replaced: number): Program {
  const inputs = [...values.map(() => "element" as const), ...program.inputs.slice(replaced)];
  const numbers = new Map(program.inputs.map((_, i) => [i, values.length + i - replaced]));
  for (let i = 0; i < replaced; i++) numbers.delete(i);
  for (const [i, number] of values.entries()) numbers.set(number, i);
  const instructions: Instruction[] = [];
  for (const [i, instruction] of program.instructions.entries()) {
    const number = program.inputs.length + i;
    const moved = numbers.has(number) ? undefined : withOperands(instruction, numbers);
    // What is left out is read by none but what is left out.
    if (moved !== undefined) numbers.set(number, inputs.length + instructions.push(moved) - 1);
  }
  return { inputs, instructions, outputs: program.outputs.map((output) => numbers.get(output)!) };
}

/** The instruction with other numbers for its operands; `undefined` where one has none. */
function withOperands(instruction: Instruction, numbers: ReadonlyMap<number, number>): Instruction | undefined {
  if (instruction.op === "constant") return instruction;
  const of = instruction.of.map((operand) => numbers.get(operand));
  return of.includes(undefined) ? undefined : ({ op: instruction.op, of } as unknown as Instruction);
}
