import type { Instruction, NeuronProgram, Program } from "./program.js";

/** Bounds of a value, whether it is a whole number, and whether it may be NaN. */
interface Known {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
  readonly nan: boolean;
}

const anything: Known = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY, whole: false, nan: true };
const truth: Known = { min: 0, max: 1, whole: true, nan: false };

/**
 * What the first output of a program may be: bits where it is a truth value by construction, counts where it is a whole number
 * between bounds (of currents and potentials that are not NaN), else any number.
 */
export function spikeKind({ inputs, instructions, outputs }: Program): NeuronProgram["spikes"] {
  const known: Known[] = inputs.map(() => anything);
  const all: (Instruction | undefined)[] = [...inputs.map(() => undefined), ...instructions];
  for (const instruction of instructions) known.push(knownOf(instruction, known, all));
  const { min, max, whole, nan } = known[outputs[0]!]!;
  if (!whole || min < 0 || !Number.isFinite(max)) return { kind: "reals" };
  if (max <= 1 && !nan) return { kind: "bits" };
  return { kind: "counts", most: max };
}

function knownOf(instruction: Instruction, known: readonly Known[], all: readonly (Instruction | undefined)[]): Known {
  if (instruction.op === "constant") {
    const { value } = instruction;
    return Number.isNaN(value) ? anything : { min: value, max: value, whole: Number.isInteger(value), nan: false };
  }
  const [a, b, c] = instruction.of.map((number) => known[number]!) as [Known, Known, Known];
  const whole = a.whole && b?.whole;
  const nan = a.nan || b?.nan;
  const bounded = [a, b].every((k) => k !== undefined && Number.isFinite(k.min) && Number.isFinite(k.max));
  switch (instruction.op) {
    case "less":
    case "lessEqual":
    case "equal":
    case "and":
    case "or":
    case "not":
      return truth;
    case "neg":
      return { min: -a.max, max: -a.min, whole: a.whole, nan: a.nan };
    case "floor":
      return { min: Math.floor(a.min), max: Math.floor(a.max), whole: true, nan: a.nan };
    case "round":
      return { min: Math.ceil(a.min - 0.5), max: Math.floor(a.max + 0.5), whole: true, nan: a.nan };
    case "min":
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max), whole, nan };
    case "max":
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max), whole, nan };
    case "add":
      return bounded ? { min: a.min + b.min, max: a.max + b.max, whole, nan } : anything;
    case "sub":
      return bounded ? { min: a.min - b.max, max: a.max - b.min, whole, nan } : anything;
    case "mul": {
      if (!bounded) return anything;
      const corners = [a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max];
      return { min: Math.min(...corners), max: Math.max(...corners), whole, nan };
    }
    case "select": {
      const [low, high] = clipped(instruction.of, all);
      return {
        min: Math.min(b.min, Math.max(c.min, low)),
        max: Math.max(b.max, Math.min(c.max, high)),
        whole: b.whole && c.whole,
        nan: b.nan || c.nan,
      };
    }
    default:
      return anything;
  }
}

/**
 * Bounds of the third operand of a select where it is taken: `x < c ? c : y` takes y where x ≥ c, and `c < x ? c : y` where
 * x ≤ c. There y is x, or x with a bound of its own, as in `c < x ? c : (x < b ? b : x)`.
 */
function clipped(
  [condition, , otherwise]: readonly [number, number, number],
  all: readonly (Instruction | undefined)[],
): [low: number, high: number] {
  const less = all[condition];
  if (less?.op !== "less") return unbounded;
  const [left, right] = less.of.map((number) => constantOf(all[number]));
  const inner = all[otherwise];
  /** What y may be besides x: its own bound; `undefined` where it is another value. */
  const besides = (x: number, c: number): number | undefined => {
    if (x === otherwise) return c;
    return inner?.op === "select" && inner.of[2] === x ? constantOf(all[inner.of[1]]) : undefined;
  };
  if (left !== undefined) {
    const bound = besides(less.of[1], left);
    return bound === undefined ? unbounded : [Number.NEGATIVE_INFINITY, Math.max(left, bound)];
  }
  if (right === undefined) return unbounded;
  const bound = besides(less.of[0], right);
  return bound === undefined ? unbounded : [Math.min(right, bound), Number.POSITIVE_INFINITY];
}

const unbounded: [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

function constantOf(instruction: Instruction | undefined): number | undefined {
  return instruction?.op === "constant" ? instruction.value : undefined;
}
