/**
 * @file Neurons' programs as code for the interpreter in cc/lib/program.h.
 *
 * The code is the number of state variables, the number of parameters, for each parameter 1 if it has a value per channel,
 * else 0, and the programs `initial`, `forward`, `backward` and `initialBackward`. A program is the number of scalar
 * registers, the number of block registers, the numbers of instructions that run once, for each block of neurons and at
 * each step, and these instructions: operation, result and three operands, all of them registers. Registers are numbered:
 * inputs, outputs, scalars, blocks. The gradients of parameters are added to their outputs, all others are written.
 */
import type { NeuronProgram, Program, Rate } from "@sew/kernels";

// The orders of the enumerations in cc/lib/program.h.
const opNames = [
  ...["constant", "copy", "neg", "abs", "sqrt", "exp", "log", "sigmoid", "tanh", "sin", "cos", "atan", "erf", "floor"],
  ...["round", "not", "add", "sub", "mul", "div", "min", "max", "pow", "less", "lessEqual", "equal", "and", "or", "select"],
];
const code = (op: string) => opNames.indexOf(op);
const firstNames = ["add", "sub", "mul", "div", "abs", "lessEqual"];
const secondNames = ["add", "sub", "subFrom", "mul", "div", "divFrom", "square", "atLeast"];

const MOST_STATE = 8;
const MOST_PARAMETERS = 16;
const MOST_REGISTERS = 512;

/** An operation on values; more than one where a pair is computed in one pass. */
interface Node {
  readonly code: number;
  /** The value that it computes. */
  readonly value: number;
  readonly of: readonly number[];
}

const rank = { scalar: 0, channel: 1, element: 2 } satisfies Record<Rate, number>;

const lowerings = new WeakMap<NeuronProgram, Int32Array>();

/**
 * The code of a neuron, made once.
 *
 * @throws RangeError when the neuron has more state variables, parameters or values alive at once than the interpreter
 * has room for
 */
export function lowered(neuron: NeuronProgram): Int32Array {
  let words = lowerings.get(neuron);
  if (words === undefined) {
    words = lower(neuron);
    lowerings.set(neuron, words);
  }
  return words;
}

function lower({ state, parameters, initial, forward, backward, initialBackward }: NeuronProgram): Int32Array {
  if (state.length > MOST_STATE || parameters.length > MOST_PARAMETERS) {
    throw new RangeError(
      `lowered: a neuron must have at most ${MOST_STATE} state variables and ${MOST_PARAMETERS} parameters, ` +
        `got ${state.length} and ${parameters.length}`,
    );
  }
  const dSpikes = state.length + 1 + parameters.length;
  return Int32Array.from([
    state.length,
    parameters.length,
    ...parameters.map(({ rate }) => (rate === "channel" ? 1 : 0)),
    ...lowerProgram(initial),
    ...lowerProgram(forward),
    ...lowerProgram(backward, { summed: 1 + state.length, overwritten: dSpikes }),
    ...lowerProgram(initialBackward, { summed: 0 }),
  ]);
}

interface Outputs {
  /** The first output that is added to what is there. @defaultValue none */
  readonly summed?: number;
  /** The input whose memory the first output may have. @defaultValue none */
  readonly overwritten?: number;
}

function lowerProgram(program: Program, { summed = Number.POSITIVE_INFINITY, overwritten }: Outputs = {}): number[] {
  const inputs = program.inputs.length;
  const { constants, once, byBlock, byStep } = sections(program);

  // An output is written where it is computed, or copied at the end where that is no place of its own.
  const outputOf = new Map<number, number>();
  const ends: Node[] = [];
  const isComputed = new Set(byStep.map(({ value }) => value));
  for (const [output, value] of program.outputs.entries()) {
    const register = inputs + output;
    if (output >= summed) ends.push({ code: code("add"), value: -1 - register, of: [value, -1 - register] });
    else if (isComputed.has(value) && !outputOf.has(value)) outputOf.set(value, register);
    else ends.push({ code: code("copy"), value: -1 - register, of: [value] });
  }
  const steps = pairs([...byStep, ...ends], new Set(outputOf.keys()));
  if (overwritten !== undefined) {
    // All that reads the input must come before the output that takes its memory.
    const written = steps.findIndex(({ value }) => value === -1 - inputs || outputOf.get(value) === inputs);
    if (steps.slice(written + 1).some(({ of }) => of.includes(overwritten))) {
      const value = program.outputs[0]!;
      if (!outputOf.delete(value)) steps.splice(written, 1);
      steps.push({ code: code("copy"), value: -1 - inputs, of: [value] });
    }
  }

  // Registers of outputs stand in `value` and `of` as -1 - register.
  const scalarOf = new Map<number, number>();
  for (const value of [...constants.map(({ value }) => value), ...once.map(({ value }) => value)]) {
    scalarOf.set(value, scalarOf.size);
  }
  const { blockOf, blocks } = allocate(byBlock, steps, (value) => outputOf.has(value));
  const firstScalar = inputs + program.outputs.length;
  const firstBlock = firstScalar + scalarOf.size;
  if (firstBlock + blocks > MOST_REGISTERS) {
    throw new RangeError(
      `lowered: a program must have at most ${MOST_REGISTERS} registers, got ${firstBlock + blocks}; ` +
        "it has too many constants, or values that are used much later",
    );
  }
  const register = (value: number): number => {
    if (value < 0) return -1 - value;
    if (value < inputs) return value;
    if (scalarOf.has(value)) return firstScalar + scalarOf.get(value)!;
    return outputOf.get(value) ?? firstBlock + blockOf.get(value)!;
  };
  const words = ({ code: operation, value, of }: Node): number[] => {
    const [a, b = a, c = a] = of.map(register);
    return [operation, register(value), a!, b!, c!];
  };
  return [
    scalarOf.size,
    blocks,
    constants.length + once.length,
    byBlock.length,
    steps.length,
    ...constants.flatMap(({ value, number }) => [code("constant"), register(value), bitsOf(number), 0, 0]),
    ...[...once, ...byBlock, ...steps].flatMap(words),
  ];
}

const floatBits = new DataView(new ArrayBuffer(4));

/** The bits of a float32 number as an integer. */
function bitsOf(value: number): number {
  floatBits.setFloat32(0, value);
  return floatBits.getInt32(0);
}

/** The operations on which outputs depend, by how often they run. */
function sections(program: Program) {
  const { inputs, instructions } = program;
  const rates = inputs.map((rate) => rank[rate]);
  for (const instruction of instructions) {
    rates.push(instruction.op === "constant" ? 0 : Math.max(...instruction.of.map((value) => rates[value]!)));
  }
  const isLive = liveness(program);
  const constants: { readonly value: number; readonly number: number }[] = [];
  const nodes: Node[][] = [[], [], []];
  for (const [i, instruction] of instructions.entries()) {
    const value = inputs.length + i;
    if (!isLive[value]) continue;
    if (instruction.op === "constant") {
      constants.push({ value, number: instruction.value });
      continue;
    }
    const { op, of } = instruction;
    const divisor = op === "div" ? instructions[of[1]! - inputs.length] : undefined;
    if (divisor?.op === "constant" && isPowerOfTwo(divisor.value)) {
      // A product is the same number, and quicker.
      const factor = inputs.length + instructions.length + i;
      constants.push({ value: factor, number: 1 / divisor.value });
      nodes[rates[value]!]!.push({ code: code("mul"), value, of: [of[0], factor] });
    } else {
      nodes[rates[value]!]!.push({ code: code(op), value, of });
    }
  }
  const [once, byBlock, byStep] = nodes as [Node[], Node[], Node[]];
  return { constants, once, byBlock, byStep };
}

/** Whether x and 1/x are normal powers of 2, so that 1/x is exact. */
function isPowerOfTwo(x: number): boolean {
  const exponent = Math.log2(Math.abs(x));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126 && 2 ** exponent === Math.abs(x);
}

/** Whether an output depends on each value. */
function liveness({ inputs, instructions, outputs }: Program): boolean[] {
  const isLive = Array.from({ length: inputs.length + instructions.length }, () => false);
  for (const output of outputs) isLive[output] = true;
  for (let i = instructions.length - 1; i >= 0; i--) {
    const instruction = instructions[i]!;
    if (!isLive[inputs.length + i] || instruction.op === "constant") continue;
    for (const value of instruction.of) isLive[value] = true;
  }
  return isLive;
}

/** The second operation of a pair whose first computes `value`; `undefined` where there is no such pair. */
function secondOf({ code: operation, of }: Node, value: number): string | undefined {
  const [a, b] = of;
  switch (opNames[operation]) {
    case "add":
      return a === b ? undefined : "add";
    case "mul":
      return a === b ? "square" : "mul";
    case "sub":
      return a === b ? undefined : a === value ? "sub" : "subFrom";
    case "div":
      return a === b ? undefined : a === value ? "div" : "divFrom";
    case "lessEqual":
      return b === value && a !== b ? "atLeast" : undefined;
    default:
      return undefined;
  }
}

/** The nodes, of which those whose value only one other reads become one with it where there is a pass for both. */
function pairs(nodes: readonly Node[], outputs: ReadonlySet<number>): Node[] {
  const readers = new Map<number, Set<Node>>();
  for (const node of nodes) {
    for (const value of node.of) readers.set(value, (readers.get(value) ?? new Set()).add(node));
  }
  const byValue = new Map(nodes.map((node) => [node.value, node]));
  const joined = new Set<Node>();
  /** The nodes that may be the first of a pair with this one. */
  const firstsOf = (node: Node): Node[] =>
    [...new Set(node.of)].flatMap((value) => {
      const found = byValue.get(value);
      const isFirst =
        found !== undefined &&
        !joined.has(found) &&
        readers.get(value)!.size === 1 &&
        !outputs.has(value) &&
        firstNames.includes(opNames[found.code]!) &&
        secondOf(node, value) !== undefined;
      return isFirst ? [found] : [];
    });
  const result: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (joined.has(node)) continue;
    const firsts = firstsOf(node);
    // One that has no first of its own, which it would leave alone.
    const first = firsts.find((candidate) => firstsOf(candidate).length === 0) ?? firsts[0];
    if (first === undefined) {
      result.unshift(node);
      continue;
    }
    joined.add(first);
    const pair =
      opNames.length +
      firstNames.indexOf(opNames[first.code]!) * secondNames.length +
      secondNames.indexOf(secondOf(node, first.value)!);
    const [a, b = a] = first.of;
    const other = node.of.find((value) => value !== first.value) ?? a;
    result.unshift({ code: pair, value: node.value, of: [a!, b!, other!] });
  }
  return result;
}

/** Registers for the values that blocks hold, reused when no later node reads a value. */
function allocate(byBlock: readonly Node[], steps: readonly Node[], isOutput: (value: number) => boolean) {
  const nodes = [...byBlock, ...steps];
  const lastReader = new Map<number, Node>();
  for (const node of nodes) for (const value of node.of) lastReader.set(value, node);
  // What is computed once for a block is read at every step.
  const stays = new Set(byBlock.map(({ value }) => value));
  const blockOf = new Map<number, number>();
  const free: number[] = [];
  let blocks = 0;
  for (const node of nodes) {
    for (const value of new Set(node.of)) {
      if (blockOf.has(value) && lastReader.get(value) === node && !stays.has(value)) free.push(blockOf.get(value)!);
    }
    if (node.value >= 0 && !isOutput(node.value)) blockOf.set(node.value, free.pop() ?? blocks++);
  }
  return { blockOf, blocks };
}
