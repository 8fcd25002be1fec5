/**
 * @file Neurons' programs as code for the interpreter in cc/lib/program.h.
 *
 * The code is the number of state variables, the number of parameters, for each parameter 1 if it has a value per channel,
 * else 0, the number of values that the backward pass saves, for each of them what it is (see savedValues.ts), and the
 * programs `initial`, `forward`, `record`, `backward` and `initialBackward`. A program is the number of scalar
 * registers, the number of block registers, the numbers of instructions that run once, for each block of neurons and at
 * each step, and these instructions: operation, bits of the operands that are scalars, result and seven operands, all of
 * them registers. Registers are numbered: inputs, outputs, scalars, blocks. The gradients of parameters are added to their
 * outputs, all others are written.
 */
import type { NeuronProgram, Program, Rate } from "@sew/kernels";
import { savedValues } from "./savedValues.js";

// The order of the operations in cc/lib/program.h.
const operations = [
  ...["copy", "neg", "abs", "sqrt", "exp", "log", "sigmoid", "tanh", "sin", "cos", "atan", "erf", "floor", "round"],
  ...["not", "add", "sub", "subFrom", "mul", "div", "divFrom", "min", "max", "pow", "less", "lessEqual", "atLeast"],
  ...["equal", "and", "or", "select"],
];
const firsts = ["add", "sub", "subFrom", "mul", "abs", "lessEqual", "atLeast"];
const seconds = ["add", "sub", "subFrom", "mul", "div", "divFrom", "atLeast", "square"];
/**
 * Several operations in one pass, each on the result of the one before and, but for a square, on an operand of its own; with the
 * bits of the operands that must be scalars, and all others not, where that is so.
 */
export const chains: ReadonlyMap<string, number | undefined> = new Map<string, number | undefined>([
  ...firsts.flatMap((first) => seconds.map((second) => [`${first} ${second}`, undefined] as const)),
  ["sub mul add", undefined],
  ["sub mul add sub", undefined],
  ["atLeast subFrom mul", undefined],
  ["mul square add", undefined],
  ["mul square add divFrom", undefined],
  ["mul mul add", undefined],
  ["subFrom mul add", undefined],
  ["mul add sub", undefined],
  ["sub div add", undefined],
  ["sub div add sub", undefined],
  ["sub atLeast subFrom", 0b111],
  ["sub atLeast subFrom mul", 0b111],
  ["sub atLeast subFrom mul add", 0b10111],
  ["sub mul square", 0b11],
  ["sub mul square add", 0b111],
  ["sub mul square add divFrom", 0b1111],
  ["sub mul square add divFrom mul", 0b1111],
  ["sub mul square add divFrom mul add", 0b1111],
]);
/** The operations of which chains begin. */
const begins = new Set([...chains.keys()].map((chain) => chain.split(" ")[0]!));
const codes: ReadonlyMap<string, number> = new Map([...operations, ...chains.keys()].map((name, code) => [name, code]));
/** Operands of an instruction; those that it does not have are 0. */
const MOST_OPERANDS = 7;

/** What an operation is called with its operands in the other order. */
const reversed: Readonly<Record<string, string>> = {
  add: "add",
  mul: "mul",
  equal: "equal",
  sub: "subFrom",
  subFrom: "sub",
  div: "divFrom",
  divFrom: "div",
  lessEqual: "atLeast",
  atLeast: "lessEqual",
};

const MOST_STATE = 8;
const MOST_PARAMETERS = 16;
const MOST_REGISTERS = 512;

/** An operation on values, or a chain of them. */
interface Node {
  /** One of the {@link operations} or {@link chains}. */
  readonly name: string;
  /** The value that it computes. */
  readonly value: number;
  readonly of: readonly number[];
}

const rank = { scalar: 0, channel: 1, element: 2 } satisfies Record<Rate, number>;

/** Tells why a neuron is more than the interpreter has room for. */
class TooLarge extends RangeError {}

const lowerings = new WeakMap<NeuronProgram, Int32Array | TooLarge>();

/**
 * The code of a neuron, made once.
 *
 * @throws RangeError when the neuron has more state variables, parameters or values alive at once than the interpreter
 * has room for; see {@link refusalOf}
 */
export function lowered(neuron: NeuronProgram): Int32Array {
  const code = loweringOf(neuron);
  if (code instanceof TooLarge) throw code;
  return code;
}

/** Why the interpreter cannot run a neuron, and the remedy; undefined where it can. */
export function refusalOf(neuron: NeuronProgram): string | undefined {
  const code = loweringOf(neuron);
  return code instanceof TooLarge ? code.message : undefined;
}

function loweringOf(neuron: NeuronProgram): Int32Array | TooLarge {
  let code = lowerings.get(neuron);
  if (code === undefined) {
    try {
      code = lower(neuron);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      code = new TooLarge(`${neuron.name}: ${error.message}`);
    }
    lowerings.set(neuron, code);
  }
  return code;
}

function lower(neuron: NeuronProgram): Int32Array {
  const { state, parameters, initial, forward, initialBackward } = neuron;
  if (state.length > MOST_STATE || parameters.length > MOST_PARAMETERS) {
    throw new TooLarge(
      `a neuron of a fused kernel of the backend native must have at most ${MOST_STATE} state variables and ` +
        `${MOST_PARAMETERS} tensors among its parameters, got ${state.length} and ${parameters.length}; ` +
        "keep fewer variables, and pass parameters that are not learned as numbers",
    );
  }
  const { saved, record, backward } = savedValues(neuron);
  const dSpikes = saved.length + parameters.length;
  return Int32Array.from([
    state.length,
    parameters.length,
    ...parameters.map(({ rate }) => (rate === "channel" ? 1 : 0)),
    saved.length,
    ...saved,
    ...lowerProgram(initial),
    ...lowerProgram(forward),
    ...lowerProgram(record),
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
    const isZero = constants.some((constant) => constant.value === value && constant.number === 0);
    if (output >= summed && isZero) continue;
    if (output >= summed) ends.push({ name: "add", value: -1 - register, of: [value, -1 - register] });
    else if (isComputed.has(value) && !outputOf.has(value)) outputOf.set(value, register);
    else ends.push({ name: "copy", value: -1 - register, of: [value] });
  }
  const scalarOf = new Map<number, number>();
  for (const value of [...constants.map(({ value }) => value), ...once.map(({ value }) => value)]) {
    scalarOf.set(value, scalarOf.size);
  }
  const isScalar = (value: number) => scalarOf.has(value) || (value >= 0 && program.inputs[value] === "scalar");
  const steps = fewest([...byStep, ...ends], new Set(outputOf.keys()), isScalar);
  if (overwritten !== undefined) {
    // All that reads the input must come before the output that takes its memory.
    const written = steps.findIndex(({ value }) => value === -1 - inputs || outputOf.get(value) === inputs);
    if (steps.slice(written + 1).some(({ of }) => of.includes(overwritten))) {
      const value = program.outputs[0]!;
      if (!outputOf.delete(value)) steps.splice(written, 1);
      steps.push({ name: "copy", value: -1 - inputs, of: [value] });
    }
  }

  // Registers of outputs stand in `value` and `of` as -1 - register.
  const { blockOf, blocks } = allocate(byBlock, steps, (value) => outputOf.has(value));
  const firstScalar = inputs + program.outputs.length;
  const firstBlock = firstScalar + scalarOf.size;
  if (firstBlock + blocks > MOST_REGISTERS) {
    throw new TooLarge(
      `a neuron of a fused kernel of the backend native must need at most ${MOST_REGISTERS} registers, got ` +
        `${firstBlock + blocks}; use fewer different constants, and values soon after they are computed`,
    );
  }
  const register = (value: number): number => {
    if (value < 0) return -1 - value;
    if (value < inputs) return value;
    if (scalarOf.has(value)) return firstScalar + scalarOf.get(value)!;
    const [output, block] = [outputOf.get(value), blockOf.get(value)];
    if (output !== undefined) return output;
    if (block === undefined) throw new Error(`lowered: each value that is read must be computed before, got ${value}`);
    return firstBlock + block;
  };
  const words = ({ name, value, of }: Node): number[] => {
    const operands = Array.from({ length: MOST_OPERANDS }, (_, i) => (i < of.length ? register(of[i]!) : 0));
    return [codes.get(name)!, scalarsOf(of, isScalar), register(value), ...operands];
  };
  return [
    scalarOf.size,
    blocks,
    constants.length,
    once.length,
    byBlock.length,
    steps.length,
    ...constants.map(({ number }) => bitsOf(number)),
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
      nodes[rates[value]!]!.push({ name: "mul", value, of: [of[0], factor] });
    } else if (op in reversed && rates[of[0]]! === 0 && rates[of[1]!]! > 0) {
      // A pass loads a scalar once where it is not the first operand.
      nodes[rates[value]!]!.push({ name: reversed[op]!, value, of: [of[1]!, of[0]] });
    } else {
      nodes[rates[value]!]!.push({ name: op, value, of });
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

/** Which operands behind the first are scalars, as bits. */
function scalarsOf(of: readonly number[], isScalar: (value: number) => boolean): number {
  return of.slice(1).reduce((bits, operand, i) => bits | ((isScalar(operand) ? 1 : 0) << i), 0);
}

/**
 * The nodes, chained. A node of one value and scalars that several nodes read is computed again for each of them where that
 * leaves fewer nodes.
 */
function fewest(nodes: readonly Node[], outputs: ReadonlySet<number>, isScalar: (value: number) => boolean): Node[] {
  let [list, best] = [nodes, chained(nodes, outputs, isScalar)];
  const readers = readersOf(nodes);
  for (const { value } of nodes) {
    if (value < 0 || outputs.has(value) || (readers.get(value) ?? 0) < 2) continue;
    // What it reads may be a copy by now.
    const node = list.find((each) => each.value === value);
    if (node === undefined || !begins.has(node.name) || !node.of.slice(1).every(isScalar)) continue;
    const copies = withCopies(list, node);
    const candidate = chained(copies, outputs, isScalar);
    if (candidate.length < best.length) [list, best] = [copies, candidate];
  }
  return best;
}

/** How many nodes read each value. */
function readersOf(nodes: readonly Node[]): Map<number, number> {
  const readers = new Map<number, number>();
  for (const { of } of nodes) for (const value of new Set(of)) readers.set(value, (readers.get(value) ?? 0) + 1);
  return readers;
}

/** The nodes with a copy of one of them before each that reads it. */
function withCopies(nodes: readonly Node[], node: Node): Node[] {
  let last = Math.max(...nodes.flatMap(({ value, of }) => [value, ...of]));
  return nodes.flatMap((reader): Node[] => {
    if (reader === node) return [];
    if (!reader.of.includes(node.value)) return [reader];
    const copy = { ...node, value: ++last };
    return [copy, { ...reader, of: reader.of.map((value) => (value === node.value ? copy.value : value)) }];
  });
}

/** The nodes, of which one whose value only one other reads is joined with it where there is a chain of both. */
function chained(nodes: readonly Node[], outputs: ReadonlySet<number>, isScalar: (value: number) => boolean): Node[] {
  const readers = readersOf(nodes);
  const result = new Map<number, Node>();
  for (const node of nodes) {
    const joins = [...new Set(node.of)]
      .filter((value) => readers.get(value) === 1 && !outputs.has(value))
      .map((value) => join(result.get(value), node, isScalar))
      .filter((joined) => joined !== undefined)
      .sort((a, b) => b.name.split(" ").length - a.name.split(" ").length);
    const [joined = node] = joins;
    for (const value of node.of) if (!joined.of.includes(value)) result.delete(value);
    result.set(node.value, joined);
  }
  return [...result.values()];
}

/** Two nodes as one, of which the second reads the first's value; `undefined` where there is no such chain. */
function join(
  first: Node | undefined,
  { name, value, of }: Node,
  isScalar: (value: number) => boolean,
): Node | undefined {
  if (first === undefined || of.length > 2) return undefined;
  const [a, b] = of;
  const isSquare = name === "mul" && a === b;
  if (a === b && !isSquare) return undefined;
  const second = isSquare ? "square" : a === first.value ? name : reversed[name];
  const chain = `${first.name} ${second}`;
  if (!chains.has(chain)) return undefined;
  const operands = [...first.of, ...of.filter((operand) => operand !== first.value)];
  const scalars = chains.get(chain);
  if (scalars !== undefined && scalarsOf(operands, isScalar) !== scalars) return undefined;
  return { name: chain, value, of: operands };
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
