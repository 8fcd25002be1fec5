/** @file Random neurons of every operation that can be traced, as properties draw them. */
import {
  abs,
  add,
  atan,
  cast,
  ceil,
  clipByValue,
  cos,
  div,
  equal,
  erf,
  exp,
  fill,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  reciprocal,
  relu,
  relu6,
  round,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  step,
  sub,
  type Tensor,
  tanh,
  tensor,
  where,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { detach } from "../detach.js";
import type { NeuronDefinition, NeuronState } from "../neuronFormula.js";
import { withSlope } from "../withSlope.js";

/** What an expression may read. */
interface Scope {
  readonly state: NeuronState;
  readonly x: Tensor;
  readonly params: Readonly<Record<string, Tensor>>;
}

/** An expression, its text for the report of a failing property, and whether it differs from element to element. */
interface Drawn {
  readonly text: string;
  readonly perElement: boolean;
  readonly of: (scope: Scope) => Tensor;
}

/** A random neuron: what {@link NeuronDefinition} has, but for the values of its parameters. */
export interface DrawnNeuron {
  readonly stateNames: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly rate: "scalar" | "channel" }[];
  /** The definition with these tensors for its parameters, in their order: `[]` for a scalar, `[C]` for one per channel. */
  readonly definition: (tensors: readonly Tensor[]) => NeuronDefinition<Readonly<Record<string, Tensor>>>;
  /** The formulas, as a failing property prints them. */
  readonly toString: () => string;
}

/** All magnitudes stay below 16, and no derivative is steeper than some hundred, so that gradients can be compared. */
const unary: Readonly<Record<string, (a: Tensor) => Tensor>> = {
  neg,
  abs,
  "√(|a| + ½)": (a) => sqrt(add(abs(a), 0.5)),
  "exp(−|a|)": (a) => exp(neg(abs(a))),
  "log(|a| + ½)": (a) => log(add(abs(a), 0.5)),
  sigmoid,
  tanh,
  sin,
  cos,
  atan,
  erf,
  floor,
  round,
  ceil,
  sign,
  relu,
  relu6,
  step,
  "step(a, -½)": (a) => step(a, -0.5),
  "square(tanh)": (a) => square(tanh(a)),
  "1 / (|a| + 1)": (a) => reciprocal(add(abs(a), 1)),
  "clip(a, 0, 2)": (a) => clipByValue(a, 0, 2),
  "clip(a, -1.1, 0.7)": (a) => clipByValue(a, -1.1, 0.7),
  detach,
  "1 − a": (a) => sub(1, a),
  "a / 2": (a) => div(a, 2),
  "a · 1 + 0": (a) => add(mul(a, 1), 0),
  "a / 3": (a) => div(a, 3),
  "a − filled": (a) => mul(sub(a, fill(a.shape, 0.25)), 0.5),
  "a as truth": (a) => cast(cast(detach(a), "bool"), "float32"),
  "Θ(a)": withSlope(
    (a) => cast(greaterEqual(a, 0), "float32"),
    (a) => div(1, add(1, square(a))),
  ),
  "round, straight through": withSlope(round, (a) => fill(a.shape, 0.5)),
};

const truths: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
  "<": less,
  "≤": lessEqual,
  ">": greater,
  "≥": greaterEqual,
  "=": equal,
  "≠": notEqual,
  "< and ≥ 0": (a, b) => logicalAnd(less(a, b), greaterEqual(b, 0)),
  "> or > 0": (a, b) => logicalOr(greater(a, b), greater(b, 0)),
  "not ≤": (a, b) => logicalNot(lessEqual(a, b)),
};

const binary: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
  "(a + b) / 2": (a, b) => mul(add(a, b), 0.5),
  "(a − b) / 2": (a, b) => mul(0.5, sub(a, b)),
  "a · tanh(b)": (a, b) => mul(a, tanh(b)),
  "a / (|b| + 1)": (a, b) => div(a, add(abs(b), 1)),
  "(|a| + ½)^sigmoid(b)": (a, b) => pow(add(abs(a), 0.5), sigmoid(b)),
  ...Object.fromEntries(
    Object.entries(truths).map(([name, truth]) => [
      `a where a ${name} b else b`,
      (a: Tensor, b: Tensor) => where(truth(detach(a), detach(b)), a, b),
    ]),
  ),
};

/** Of tensors of one shape alone: the gradients of tfjs's `maximum` and `minimum` forget to sum what was broadcast. */
const ofOneShape: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = { max: maximum, min: minimum };

const constants = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, 2, 4, 0.1),
  fc.float({ min: -4, max: 4, noNaN: true }).filter((value) => Math.abs(value) > 2 ** -20),
);

const keyOf = (table: object) => fc.constantFrom(...Object.keys(table));

/** Expressions over these state variables and parameters, up to a depth. */
function expressions(state: readonly string[], params: readonly string[]): fc.Arbitrary<Drawn> {
  const leaf: fc.Arbitrary<Drawn> = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ text: "x", perElement: true, of: ({ x }: Scope) => x }) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(...state).map((name) => ({
        text: name,
        perElement: true,
        of: ({ state }: Scope) => state[name]!,
      })),
    },
    ...(params.length === 0
      ? []
      : [
          {
            weight: 3,
            arbitrary: fc.constantFrom(...params).map((name) => ({
              text: name,
              perElement: false,
              of: ({ params }: Scope) => params[name]!,
            })),
          },
        ]),
    {
      weight: 1,
      arbitrary: constants.map((value) => ({
        text: Object.is(value, -0) ? "-0" : String(value),
        perElement: true,
        of: ({ x }: Scope) => fill(x.shape, value, "float32"),
      })),
    },
  );
  const { expression } = fc.letrec<{ expression: Drawn }>((tie) => {
    const pair = fc.tuple(tie("expression"), tie("expression"));
    return {
      expression: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        leaf,
        fc.tuple(keyOf(unary), tie("expression")).map(([name, a]) => ({
          text: `[${name}](${a.text})`,
          perElement: a.perElement,
          of: (scope: Scope) => unary[name]!(a.of(scope)),
        })),
        fc.tuple(keyOf(binary), pair).map(([name, [a, b]]) => ({
          text: `[${name}](${a.text}, ${b.text})`,
          perElement: a.perElement || b.perElement,
          of: (scope: Scope) => binary[name]!(a.of(scope), b.of(scope)),
        })),
        fc.tuple(keyOf(ofOneShape), pair).map(([name, [a, b]]) => ({
          text: `${name}(${a.text}, ${b.text})`,
          perElement: true,
          of: (scope: Scope) => ofOneShape[name]!(fullSize(a, scope), fullSize(b, scope)),
        })),
      ),
    };
  });
  return expression;
}

/** The values of an expression in the shape of x. */
function fullSize(drawn: Drawn, scope: Scope): Tensor {
  const values = drawn.of(scope);
  return drawn.perElement ? values : add(values, fill(scope.x.shape, 0));
}

/** Spikes of a potential: bits, counts, or any number. */
const firing: Readonly<Record<string, (u: Tensor) => Tensor>> = {
  "bits Θ": unary["Θ(a)"]!,
  "counts to 3": withSlope(
    (u) => round(clipByValue(u, 0, 3)),
    (u) => cast(logicalAnd(greaterEqual(u, 0), lessEqual(u, 3)), "float32"),
  ),
  "reals σ": withSlope(sigmoid, (u) => exp(neg(abs(u)))),
  "no spikes": (u) => mul(u, 0),
};

/**
 * Random neurons: 1 to 3 state variables, up to 3 parameters, scalar or per channel; formulas of every operation that can be
 * traced, detached or not; hard, soft and free resets; spikes that are bits, counts or any number; initial states that are
 * numbers or computed from parameters.
 */
export const neuronSteps: fc.Arbitrary<DrawnNeuron> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.array(fc.constantFrom("scalar", "channel"), { maxLength: 3 }))
  .chain(([variables, rates]) => {
    const state = Array.from({ length: variables }, (_, i) => `v${i}`);
    const names = rates.map((_, i) => `p${i}`);
    const drawn = expressions(state, names);
    const rest = fc.oneof(
      fc.constantFrom(0, 0.5, -1),
      ...(names.length === 0 ? [] : [fc.constantFrom(...names), fc.constantFrom(...names).map((name) => [name])]),
    );
    return fc
      .record({
        charges: fc.tuple(...state.map(() => drawn)),
        fire: keyOf(firing),
        threshold: drawn,
        reset: fc.constantFrom("hard", "soft", "free"),
        detached: fc.boolean(),
        after: drawn,
        atRest: fc.tuple(...state.map(() => rest)),
      })
      .map(({ charges, fire, threshold, reset, detached, after, atRest }): DrawnNeuron => {
        const step: NeuronDefinition<Readonly<Record<string, Tensor>>>["step"] = (before, x, params) => {
          const scope: Scope = { state: before, x, params };
          const charged = Object.fromEntries(state.map((name, i) => [name, fullSize(charges[i]!, scope)]));
          const v = charged.v0!;
          const spikes = firing[fire]!(sub(v, threshold.of(scope)));
          const s = detached ? detach(spikes) : spikes;
          const next = {
            hard: () => add(mul(v, sub(1, s)), mul(0.25, s)),
            soft: () => mul(0.5, sub(v, mul(s, 0.5))),
            free: () => mul(0.5, add(fullSize(after, { ...scope, state: charged }), tanh(s))),
          };
          return { spikes, state: { ...charged, v0: next[reset as keyof typeof next]() } };
        };
        const valueAtRest = (rule: number | string | string[], params: Readonly<Record<string, Tensor>>) => {
          if (typeof rule === "number") return rule;
          return typeof rule === "string" ? params[rule]! : sigmoid(mul(params[rule[0]!]!, 2));
        };
        return {
          stateNames: state,
          parameters: rates.map((rate, i) => ({ name: names[i]!, rate: rate as "scalar" | "channel" })),
          definition: (tensors) => ({
            name: "drawn",
            params: Object.fromEntries(names.map((name, i) => [name, tensors[i]!])),
            state: (params) => Object.fromEntries(state.map((name, i) => [name, valueAtRest(atRest[i]!, params)])),
            step,
          }),
          toString: () =>
            [
              `state at rest ${JSON.stringify(atRest)}, parameters ${rates}`,
              ...charges.map(({ text }, i) => `v${i} = ${text}`),
              `spikes = [${fire}](v0 − ${threshold.text})`,
              `v0 = ${reset} reset${detached ? ", detached" : ""}${reset === "free" ? `: ${after.text}` : ""}`,
            ].join("\n"),
        };
      });
  });

/** Tensors for a drawn neuron's sequence, `[T, N, C]`, its state before it, and its parameters. */
export interface NeuronTensors {
  readonly x: Tensor;
  readonly state: NeuronState;
  readonly parameters: readonly Tensor[];
}

/** Numbers for {@link DrawnNeuron}s of T steps, N rows and C channels. */
export interface NeuronNumbers {
  readonly shape: readonly [steps: number, rows: number, channels: number];
  readonly values: readonly number[];
}

/** Sequences of up to 4 steps, 3 rows and 5 channels. */
export const neuronNumbers: fc.Arbitrary<NeuronNumbers> = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 }))
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      // Those of x, of up to 3 variables, and of up to 3 parameters; none so small that a result is subnormal.
      values: fc.array(
        fc.float({ min: -4, max: 4, noNaN: true }).map((value) => (Math.abs(value) < 2 ** -20 ? 0 : value)),
        {
          minLength: shape[0] * shape[1] * shape[2] + 3 * shape[1] * shape[2] + 3 * shape[2],
          maxLength: shape[0] * shape[1] * shape[2] + 3 * shape[1] * shape[2] + 3 * shape[2],
        },
      ),
    }),
  );

/** The tensors that these numbers are for a neuron. */
export function neuronTensors(
  { stateNames, parameters }: Pick<DrawnNeuron, "stateNames" | "parameters">,
  { shape: [steps, rows, channels], values }: NeuronNumbers,
): NeuronTensors {
  let used = 0;
  const take = (shape: number[]): Tensor => {
    const from = used;
    used += shape.reduce((a, b) => a * b, 1);
    return tensor(Float32Array.from(values.slice(from, used)), shape);
  };
  return {
    x: take([steps, rows, channels]),
    state: Object.fromEntries(stateNames.map((name) => [name, take([rows, channels])])),
    parameters: parameters.map(({ rate }) => take(rate === "scalar" ? [] : [channels])),
  };
}
