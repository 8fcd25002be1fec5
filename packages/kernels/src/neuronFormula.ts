/** @file What the neuron kernels know of a neuron: its step as a function, and as a program where it can be traced. */
import { add, fill, Tensor, tidy } from "@tensorflow/tfjs-core";
import type { NeuronProgram } from "./program/program.js";
import { traceNeuron } from "./program/traceNeuron.js";

/** A neuron's state: a tensor for each variable, by name. */
export type NeuronState = Readonly<Record<string, Tensor>>;

/** What one time-step returns: spikes, and the state after them. */
export interface NeuronStep {
  readonly spikes: Tensor;
  readonly state: NeuronState;
}

/** A neuron as functions of its parameters, made of element-wise tfjs operations. */
export interface NeuronDefinition<P extends object = Readonly<Record<string, unknown>>> {
  /** Its name in error messages. */
  readonly name: string;
  /** Its parameters. The tensors among them, `[]` or `[C]`, are those that gradients reach. */
  readonly params: P;
  /** The state variables at rest: numbers, or tensors `[]` or `[C]`. */
  readonly state: (params: P) => Readonly<Record<string, number | Tensor>>;
  /** One time-step: tensors of one shape `[..., C]` in and out. */
  readonly step: (state: NeuronState, x: Tensor, params: P) => NeuronStep;
}

/** One time-step of a neuron whose parameters are fixed. */
export interface NeuronFormula {
  /** Names of the state variables, in the order in which kernels receive and return them. */
  readonly stateNames: readonly string[];
  /** The state before the first step `[..., C]`, at rest. */
  readonly initialState: (shape: readonly number[]) => NeuronState;
  /** The step in composed tfjs operations: the meaning of every kernel that runs the neuron. */
  readonly step: (state: NeuronState, x: Tensor) => NeuronStep;
  /** The same step as data, which fused kernels run. @defaultValue none: composed operations run the neuron */
  readonly program?: NeuronProgram;
  /** Why there is no program: the function, the operation and the line, and the remedy. @defaultValue there is one */
  readonly untraced?: string;
  /** The tensors that are the program's parameters, in their order; `[]`, `[1]` or `[C]`. */
  readonly parameters: readonly Tensor[];
}

/**
 * The neuron of a definition, traced: its step is run with tensors that stand for all others, for x of two shapes, and the
 * operations that it calls, which must be the same for both, become a program.
 *
 * Where a trace is not possible, say because of an operation that is not element-wise or of a random number, a warning names the operation and the
 * line, once for each, and the neuron has no program.
 *
 * @throws TypeError when the step reads tensors that are neither its state, x nor a parameter, takes a tensor for a number,
 *   waits for values, or passes gradients of x or a parameter, over any number of steps, through an operation that has none, and when nothing reads a trainable parameter
 *
 * @example
 * const leaky = neuronFormula({
 *   name: "leaky",
 *   params: { decay: 0.5 },
 *   state: () => ({ v: 0 }),
 *   step: ({ v }, x, { decay }) => ({ spikes: step(x), state: { v: add(mul(v, decay), x) } }),
 * });
 * leaky.program.forward.instructions.length; // 7
 */
export function neuronFormula<P extends object>(definition: NeuronDefinition<P>): NeuronFormula {
  const { params, state, step } = definition;
  return {
    ...traceNeuron(definition),
    initialState: (shape) =>
      tidy(() =>
        Object.fromEntries(Object.entries(state(params)).map(([name, value]) => [name, filled(shape, value)])),
      ),
    step: (before, x) => step(before, x, params),
  };
}

/** A tensor of the shape whose values are the number's, or those of the tensor, broadcast. */
function filled(shape: readonly number[], value: number | Tensor): Tensor {
  return value instanceof Tensor ? add(fill([...shape], 0), value) : fill([...shape], value);
}
