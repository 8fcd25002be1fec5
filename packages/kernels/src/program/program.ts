/** @file A neuron's step as data: straight-line programs of element-wise operations, for every backend to run its own way. */

/** Operations of one value. `not` maps 0 to 1 and all else to 0; `round` takes halves to even. */
export type UnaryOp =
  | "neg"
  | "abs"
  | "sqrt"
  | "exp"
  | "log"
  | "sigmoid"
  | "tanh"
  | "sin"
  | "cos"
  | "atan"
  | "erf"
  | "floor"
  | "round"
  | "not";

/** Operations of two values. Those that compare, `and` and `or` give 1 or 0; `min` and `max` of NaN are NaN. */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "pow"
  | "less"
  | "lessEqual"
  | "equal"
  | "and"
  | "or";

/**
 * One instruction; its operands are numbers of earlier values. `select` is its second operand where the first is not 0,
 * else the third. All arithmetic is float32, each operation rounded by itself: none is contracted or reordered.
 */
export type Instruction =
  | { readonly op: "constant"; readonly value: number }
  | { readonly op: UnaryOp; readonly of: readonly [number] }
  | { readonly op: BinaryOp; readonly of: readonly [number, number] }
  | { readonly op: "select"; readonly of: readonly [number, number, number] };

/** How often a value differs: once for the layer, for each channel (the last axis), or for each element. */
export type Rate = "scalar" | "channel" | "element";

/**
 * A straight-line program. Its values are its inputs and then the results of its instructions, numbered from 0. The
 * instructions are in order of their rates: those that are scalar, those per channel, those per element; see `rates`.
 */
export interface Program {
  /** The rate of each input. */
  readonly inputs: readonly Rate[];
  readonly instructions: readonly Instruction[];
  /**
   * Numbers of the values that it returns; they may be inputs, and the same value may be returned twice. A value that is scalar
   * or per channel stands for all elements.
   */
  readonly outputs: readonly number[];
}

/** A tensor among a neuron's parameters, which a program reads. */
export interface ProgramParameter {
  /** Its name in the model's parameters. */
  readonly name: string;
  /** `"scalar"` or `"channel"`. */
  readonly rate: "scalar" | "channel";
}

/**
 * A neuron as programs of one time-step. With S state variables and P parameters:
 *
 * | program | inputs | outputs |
 * |---|---|---|
 * | `initial` | P parameters | S variables at rest |
 * | `forward` | S variables before the step, x, P parameters | spikes, S variables after the step |
 * | `backward` | those of `forward`, dSpikes, S gradients of the variables after | dx, S gradients of those before, P gradients |
 * | `initialBackward` | P parameters, S gradients of the variables at rest | P gradients |
 *
 * Gradients of parameters are of one element and one step: whoever runs the program sums them over the elements (those of a
 * channel for a parameter per channel) and steps. The backward program computes what it needs of the forward pass again.
 */
export interface NeuronProgram {
  /** The name of its model, for messages. */
  readonly name: string;
  /** Names of the state variables, in order. */
  readonly state: readonly string[];
  readonly parameters: readonly ProgramParameter[];
  readonly initial: Program;
  readonly forward: Program;
  readonly backward: Program;
  readonly initialBackward: Program;
  /**
   * What the spikes may be: 0 and 1, integers from 0 to `most` (or NaN, where currents or potentials are NaN), or any number.
   */
  readonly spikes:
    | { readonly kind: "bits" }
    | { readonly kind: "counts"; readonly most: number }
    | { readonly kind: "reals" };
}
