import { type DataType, Tensor, tidy, Variable } from "@tensorflow/tfjs-core";
import type { NeuronDefinition, NeuronFormula, NeuronState } from "../neuronFormula.js";
import { shown } from "../shown.js";
import { checkDerivatives, differentiate, pathFrom } from "./differentiate.js";
import { ancestors, constantExpression, type Expression, inputExpression, lowering } from "./expression.js";
import { noticeComposed } from "./notice.js";
import type { NeuronProgram, Program } from "./program.js";
import { programBuilder } from "./programBuilder.js";
import { spikeKind } from "./spikeKind.js";
import { computed, declaredOnly, expressionOf, trace, tracedAs, tracedTensor, Untraceable } from "./trace.js";

/** A tensor among the parameters, and what stands for it in the trace. */
interface TracedParameter {
  readonly name: string;
  readonly tensor: Tensor;
  readonly rate: "scalar" | "channel";
  readonly input: Expression;
}

/** The expressions of a neuron's step and of its state at rest. */
interface TracedNeuron {
  readonly names: readonly string[];
  readonly parameters: readonly TracedParameter[];
  readonly x: Expression;
  readonly before: readonly Expression[];
  readonly spikes: Expression;
  readonly after: readonly Expression[];
  readonly atRest: readonly Expression[];
}

/** The names of a definition's state variables, and its program and the tensors that this reads, where it can be traced. */
export function traceNeuron<P extends object>(
  definition: NeuronDefinition<P>,
): Pick<NeuronFormula, "stateNames" | "program" | "untraced" | "parameters"> {
  try {
    const traced = runTrace(definition);
    const read = ancestors([traced.spikes, ...traced.after, ...traced.atRest]);
    checkLearned(
      definition.name,
      traced.parameters.filter(({ input }) => !read.has(input)),
    );
    const parameters = traced.parameters.filter(({ input }) => read.has(input));
    checkGradients(traced);
    return {
      stateNames: traced.names,
      program: programOf(definition.name, { ...traced, parameters }),
      parameters: parameters.map(({ tensor }) => tensor),
    };
  } catch (error) {
    if (!(error instanceof Untraceable)) throw error;
    noticeComposed(error.message);
    const stateNames = tidy(() => restOf(definition.name, definition.state(definition.params)).map(([name]) => name));
    return { stateNames, untraced: error.message, parameters: [] };
  }
}

/** Runs the definition's functions with tensors that stand for all others. */
function runTrace<P extends object>({ name, params, state, step }: NeuronDefinition<P>): TracedNeuron {
  const parameters = Object.entries(params).flatMap(([name, tensor]): TracedParameter[] => {
    if (!(tensor instanceof Tensor)) return [];
    const rate = tensor.size === 1 ? "scalar" : "channel";
    return [{ name, tensor, rate, input: inputExpression(rate) }];
  });
  return trace(name, params, (shape) => {
    const standIn = (expression: Expression, shape: readonly number[], dtype: DataType = "float32"): Tensor =>
      tracedTensor({ expression, shape, dtype });
    const given = Object.fromEntries(
      parameters.map(({ name, tensor, rate, input }) => [
        name,
        standIn(input, rate === "scalar" ? tensor.shape : shape.slice(-1), tensor.dtype),
      ]),
    );
    const all = declaredOnly(
      { ...params, ...given },
      "parameters that the model declares",
      "add it to the defaults of the model",
    );
    const atRest = tracedAs("state", () =>
      restOf(name, state(all)).map(([name, value]) => {
        const expression = typeof value === "number" ? constantExpression(value) : expressionOf(value);
        return [name, computed(expression, name)] as const;
      }),
    );
    const names = atRest.map(([name]) => name);
    const input = () => computed(inputExpression("element"), "its inputs");
    const before = names.map(input);
    const x = input();
    const states: NeuronState = declaredOnly(
      Object.fromEntries(names.map((name, i) => [name, standIn(before[i]!, shape)])),
      "variables that state declares",
      "return it from state",
    );
    const after = step(states, standIn(x, shape), all);
    return {
      names,
      parameters,
      x,
      before,
      spikes: computed(expressionOf(after.spikes), "the spikes"),
      after: names.map((name) => computed(expressionOf(after.state[name]!), name)),
      atRest: atRest.map(([, value]) => value),
    };
  });
}

/** The variables of a state at rest. */
function restOf(model: string, state: unknown): [string, number | Tensor][] {
  if (typeof state !== "object" || state === null || state instanceof Promise) {
    if (state instanceof Promise) state.catch(() => {});
    throw new TypeError(
      `${model}: state must return the variables at rest by name, got ${state instanceof Promise ? "a promise" : shown(state)}`,
    );
  }
  return Object.entries(state).map(([name, value]) => {
    if (value instanceof Tensor || (typeof value === "number" && !Number.isNaN(value))) return [name, value];
    throw new RangeError(`${model}: state's ${name} must be a number or a tensor, got ${shown(value)}`);
  });
}

/** Throws where training would change a parameter without effect. */
function checkLearned(model: string, unread: readonly TracedParameter[]): void {
  const learned = unread.find(({ tensor }) => tensor instanceof Variable && tensor.trainable);
  if (learned === undefined) return;
  throw new TypeError(
    `${model}: ${learned.name} must be read by the step or the initial state, since it is learned, got a variable that neither reads; pass a number`,
  );
}

/** Throws where a gradient would reach an operation that has none, as it does in tfjs. */
function checkGradients({ parameters, x, before, spikes, after, atRest }: TracedNeuron): void {
  const given = parameters.flatMap(({ tensor, input }) => (tensor.dtype === "float32" ? [input] : []));
  checkDerivatives(atRest, given);
  let by = [x, ...given];
  // Gradients reach a variable where x or a parameter does, at any step; a count of steps, say, has none.
  for (let size = 0; size < by.length; ) {
    size = by.length;
    const reached = pathFrom([...atRest, ...after], by);
    by = [...new Set([...by, ...before.filter((_, i) => reached.has(atRest[i]!) || reached.has(after[i]!))])];
  }
  checkDerivatives([spikes, ...after], by);
}

function programOf(name: string, { names, parameters, x, before, spikes, after, atRest }: TracedNeuron): NeuronProgram {
  const inputs = parameters.map(({ input }) => input);
  const stepInputs = [...before, x, ...inputs];
  const forward = forwardProgram(stepInputs, [spikes, ...after]);
  return {
    name,
    state: names,
    parameters: parameters.map(({ name, rate }) => ({ name, rate })),
    initial: forwardProgram(inputs, atRest),
    forward,
    backward: backwardProgram(stepInputs, [spikes, ...after], [x, ...before, ...inputs]),
    initialBackward: backwardProgram(inputs, atRest, inputs),
    spikes: spikeKind(forward),
  };
}

function forwardProgram(inputs: readonly Expression[], outputs: readonly Expression[]): Program {
  const { builder, lower } = begin(inputs);
  return builder.program(outputs.map(lower));
}

/** The program from inputs and gradients of outputs to gradients of `by`. */
function backwardProgram(
  inputs: readonly Expression[],
  outputs: readonly Expression[],
  by: readonly Expression[],
): Program {
  const { builder, lower } = begin([...inputs, ...outputs.map(() => inputExpression("element"))]);
  const seeds = outputs.map((of, i) => ({ of, gradient: inputs.length + i }));
  return builder.program(differentiate(builder, lower, seeds, by));
}

function begin(inputs: readonly Expression[]) {
  const builder = programBuilder(inputs.map(({ rate }) => rate));
  return { builder, lower: lowering(builder, new Map(inputs.map((input, i) => [input, i]))) };
}
