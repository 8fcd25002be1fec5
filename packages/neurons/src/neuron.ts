/** @file What every spiking neuron shares: Eqs. 1-3 of Fang et al., NeurIPS 2021, arXiv:2102.04159. */
import {
  declaredOnly,
  detach,
  floats,
  type NeuronFormula,
  type NeuronStep,
  neuronFormula,
  shown,
  tracedAs,
} from "@sew/kernels";
import { atan, type Spike } from "@sew/surrogates";
import { add, clone, mul, sub, Tensor, tidy, util } from "@tensorflow/tfjs-core";
import { checkBoolean, checkChannels, checkFinite, checkNames, checkNumber, checkParameterShapes } from "./check.js";

/** How a potential falls after a spike: to V_reset (hard, Eq. 3), or by V_th (soft). */
export type Reset = "hard" | "soft";

/**
 * The value of a parameter: a number or a scalar tensor for the whole layer, or a tensor `[C]` with one value per channel,
 * the last axis of the currents. Gradients reach tensors, so that a variable is learned.
 */
export type Parameter = number | Tensor;

/** Parameters of Eqs. 2 and 3, common to every model. Potentials are dimensionless. */
export interface MembraneParams {
  /** Firing threshold V_th. A neuron fires when H ≥ V_th. @defaultValue 1 */
  readonly vThreshold: Parameter;
  /** Potential V_reset: at rest, at the start of a sequence, and after a spike when the reset is hard. @defaultValue 0 */
  readonly vReset: Parameter;
  /** `"hard"`: V = H (1 − S) + V_reset S (Eq. 3). `"soft"`: V = H − V_th S. @defaultValue `"hard"` */
  readonly reset: Reset;
  /** Whether the backward pass takes S in the reset as a constant, as the paper's training does. @defaultValue true */
  readonly detachReset: boolean;
}

/** The paper's settings: V_th = 1, V_reset = 0, hard detached reset. */
export const membrane: MembraneParams = { vThreshold: 1, vReset: 0, reset: "hard", detachReset: true };

/** The state of a neuron: a tensor for each of its variables, all of the shape of one step of the currents. */
export type State<S extends string = string> = Readonly<Record<S, Tensor>>;

/**
 * A neuron model: its state, its Eq. 1, and what it does differently in Eqs. 2 and 3.
 *
 * All functions are pure and element-wise, made of tfjs operations: tensors of one shape in and out, parameters broadcast,
 * no argument disposed. The potential is the state variable `v`. They are traced, so that fused kernels run the model:
 * the README of this package lists the operations that can be.
 */
export interface NeuronModel<P extends MembraneParams, S extends string = "v"> {
  /** The name in error messages, in the notation of networks (in upper case) and on command lines. */
  readonly name: string;
  readonly defaults: P;
  /** The parameters that a layer of these neurons learns: one value for the layer, or one per channel. @defaultValue none */
  readonly learns?: Readonly<Record<string, "layer" | "channel">>;
  /** The least value that training may give a parameter, by its name. @defaultValue none */
  readonly lowerBounds?: Readonly<Record<string, number>>;
  /** The state variables and their initial values. */
  state(params: P): Readonly<Record<S | "v", Parameter>>;
  /**
   * Eq. 1, `H[t] = f(V[t-1], X[t])`: the state before the spike, with H as `v`. Variables that it leaves out stay as they
   * are.
   */
  charge(state: State<S | "v">, x: Tensor, params: P): Partial<State<S>> & State<"v">;
  /** The spikes of a charged state. @defaultValue Eq. 2, `S[t] = Θ(H[t] − V_th)` */
  fire?(charged: State<S | "v">, params: P, spike: Spike): Tensor;
  /** What `fire` returns, where that is not 0 and 1. @defaultValue bits */
  emits?(params: P): Emission;
  /**
   * The state after the spikes. Variables that it leaves out stay as the charge left them.
   *
   * @defaultValue Eq. 3 for `v`, see {@link reset}
   */
  reset?(charged: State<S | "v">, spikes: Tensor, params: P): Partial<State<S | "v">>;
  /** Throws `RangeError` when `params` are outside the model's domain. The membrane's are checked already. */
  check(params: P): void;
}

/**
 * What a neuron emits: 0 and 1 (`bits`), whole numbers from 0 to `most` (`counts`), or any numbers (`reals`), which are no
 * spikes.
 */
export type Emission =
  | { readonly kind: "bits" }
  | { readonly kind: "counts"; readonly most: number }
  | { readonly kind: "reals" };

/** One time-step. `spikes` holds what the neuron emits, 0 and 1 as a rule; all tensors have the shape of `x`. */
export interface Step<S extends string = string> {
  readonly spikes: Tensor;
  readonly state: State<S>;
}

/** A neuron whose parameters are fixed: state goes in, state comes out. */
export interface Neuron<S extends string = string> extends NeuronFormula {
  (state: State<S>, x: Tensor): Step<S>;
  /** The name of its model. */
  readonly model: string;
  readonly params: MembraneParams;
  readonly spike: Spike;
  readonly stateNames: readonly S[];
  readonly emits: Emission;
  /** Eq. 1 by itself: the charged state before the spike, with H as `v`; tensors of the shape of `x`, the caller's to dispose. */
  readonly charge: (state: State<S>, x: Tensor) => State<S>;
  /**
   * The argument of the spike function at a charged state, H − V_th where the model has no `fire` of its own; undefined where it
   * calls that function not once. The caller's to dispose.
   */
  readonly spikeArgument: (charged: State<S>) => Tensor | undefined;
  /** The state before the first step, for currents of this shape. */
  readonly initialState: (shape: readonly number[]) => State<S>;
}

const bits: Emission = { kind: "bits" };

/** Eq. 2: `S[t] = Θ(H[t] − V_th)`. */
export function fire(h: Tensor, vThreshold: Parameter, spike: Spike): Tensor {
  return spike(sub(h, vThreshold));
}

/**
 * Eq. 3: `V[t] = H[t] (1 − S[t]) + V_reset S[t]`, or, soft, `V[t] = H[t] − V_th S[t]`.
 *
 * With `detachReset`, S is a constant here when gradients are taken: ∂V/∂H is 1 − S (hard) or 1 (soft).
 */
export function reset(h: Tensor, spikes: Tensor, params: MembraneParams): Tensor {
  const s = resetSpikes(spikes, params);
  if (params.reset === "soft") return sub(h, mul(params.vThreshold, s));
  return add(mul(h, sub(1, s)), mul(params.vReset, s));
}

/**
 * The spikes as a reset sees them: cut from the gradient with `detachReset`. For the state variables of one's own that
 * spikes move.
 */
export function resetSpikes(spikes: Tensor, { detachReset }: MembraneParams): Tensor {
  return detachReset ? detach(spikes) : spikes;
}

/** The initial state of a model whose one variable is the potential: V_reset. */
export function restingPotential({ vReset }: MembraneParams): { readonly v: Parameter } {
  return { v: vReset };
}

/**
 * Joins a model's charge (Eq. 1) to fire (Eq. 2) and reset (Eq. 3): its own where it has them, else the shared ones.
 *
 * @param model the neuron model, such as `lif`
 * @param params parameters that differ from the model's defaults
 * @param spike the spike function. @defaultValue the paper's ArcTan with α = 2
 * @returns a function from (state[t-1], X[t]) to S[t] and state[t], all of one shape. It throws a RangeError where a
 *   parameter per channel does not fit the last axis of X[t]
 * @throws RangeError when a parameter is none of the model's, outside its domain or not finite
 * @throws TypeError when a function of the model does what would train wrongly, see `neuronFormula` of `@sew/kernels`, or
 *   fires more than `emits` declares
 *
 * @example
 * const step = neuron(lif, { tau: 2 });
 * const { spikes, state } = step({ v: zeros([2]) }, tensor1d([1.5, 2]));
 * spikes.arraySync(); // [0, 1]
 * state.v.arraySync(); // [0.75, 0]
 */
export function neuron<P extends MembraneParams, S extends string>(
  model: NeuronModel<P, S>,
  params: Partial<P> = {},
  spike: Spike = atan(),
): Neuron<S | "v"> {
  const p: P = { ...model.defaults, ...params };
  checkParams(model, p);
  const formula = neuronFormula<P>({
    name: model.name,
    params: p,
    state: (given) => model.state(given),
    step: (state, x, given) => stepOf(model, state as State<S | "v">, x, given, spike) as NeuronStep,
  });
  const emits = model.emits?.(p) ?? bits;
  checkEmits(model.name, emits, formula, spike);
  const names = formula.stateNames as readonly (S | "v")[];
  const step = (state: State<S | "v">, x: Tensor): Step<S | "v"> => {
    const missing = names.find((name) => state[name] === undefined);
    if (missing !== undefined) {
      throw new TypeError(`${model.name}: state must be a record of ${names.join(", ")}, got one without ${missing}`);
    }
    for (const name of names) checkShape(`${model.name}: ${name} of the state`, state[name], x);
    checkChannels({ model: model.name, params: p }, x, x.shape.at(-1));
    return tidy(() => {
      const after = stepOf(model, state, x, p, spike);
      const own = ownTensors([x, ...Object.values<Tensor>(state)]);
      const variables = Object.entries<Tensor>(after.state).map(([name, t]) => [name, own(t)]);
      return { spikes: own(after.spikes), state: Object.fromEntries(variables) as State<S | "v"> };
    });
  };
  const charge = (state: State<S | "v">, x: Tensor): State<S | "v"> =>
    tidy(() => {
      const own = ownTensors([x, ...Object.values<Tensor>(state)]);
      const variables = Object.entries<Tensor>(chargedBy(model, state, x, p)).map(([name, t]) => [name, own(t)]);
      return Object.fromEntries(variables) as State<S | "v">;
    });
  const spikeArgument = (charged: State<S | "v">): Tensor | undefined =>
    tidy(() => {
      if (model.fire === undefined) return sub(charged.v, p.vThreshold);
      const seen: Tensor[] = [];
      const recording = (u: Tensor) => {
        seen.push(u);
        return spike(u);
      };
      model.fire(charged, p, Object.assign(recording, spike));
      return seen.length === 1 ? clone(seen[0]!) : undefined;
    });
  return Object.assign(step, {
    ...formula,
    model: model.name,
    charge,
    spikeArgument,
    params: p,
    spike,
    stateNames: names,
    emits,
    initialState: (shape: readonly number[]) => {
      checkChannels({ model: model.name, params: p }, { shape }, shape.at(-1));
      return formula.initialState(shape) as State<S | "v">;
    },
    step: step as NeuronFormula["step"],
  });
}

const declaredState = ["variables that state declares", "return it from state"] as const;

/** Eq. 1. */
function chargedBy<P extends MembraneParams, S extends string>(
  model: NeuronModel<P, S>,
  state: State<S | "v">,
  x: Tensor,
  params: P,
): State<S | "v"> {
  const change = tracedAs("charge", () => model.charge(state, x, params));
  const part = partOf(`${model.name}: charge`, change, state, x);
  if (part.v === undefined) {
    const got = Object.keys(part).join(", ") || "no variable";
    throw new TypeError(`${model.name}: charge must return v, the charged potential, got ${got}`);
  }
  return declaredOnly({ ...state, ...part }, ...declaredState);
}

/** Eqs. 1-3 for one step: the model's own where it has them. */
function stepOf<P extends MembraneParams, S extends string>(
  model: NeuronModel<P, S>,
  state: State<S | "v">,
  x: Tensor,
  params: P,
  spike: Spike,
): Step<S | "v"> {
  const charged = chargedBy(model, state, x, params);
  const spikes = tracedAs("fire", () =>
    model.fire === undefined ? fire(charged.v, params.vThreshold, spike) : model.fire(charged, params, spike),
  );
  checkShape(`${model.name}: the spikes`, spikes, x);
  const after = tracedAs("reset", () =>
    model.reset === undefined
      ? { v: reset(charged.v, spikes, params) }
      : partOf(`${model.name}: reset`, model.reset(charged, spikes, params), state, x),
  );
  return { spikes: floats(spikes), state: { ...charged, ...after } };
}

/**
 * The part of the state that a function of the model returns, as numbers.
 *
 * @throws TypeError or RangeError unless it is of variables of the model, in the shape of the currents
 */
function partOf(what: string, part: unknown, state: State, x: Tensor): Record<string, Tensor> {
  refusePromise(what, part);
  if (typeof part !== "object" || part === null || part instanceof Tensor) {
    const got = part instanceof Tensor ? "a tensor" : shown(part);
    throw new TypeError(`${what} must return state variables by name, such as { v }, got ${got}`);
  }
  const variables = Object.entries(part).map(([name, value]: [string, unknown]) => {
    if (!Object.hasOwn(state, name)) {
      throw new TypeError(
        `${what} must return state variables that the model declares, ${Object.keys(state).join(", ")}, got ${shown(name)}`,
      );
    }
    checkShape(`${what}'s ${name}`, value, x);
    return [name, floats(value)] as const;
  });
  return Object.fromEntries(variables);
}

/** Throws of a promise, whose own failure then is nobody's. */
function refusePromise(what: string, value: unknown): void {
  if (!(value instanceof Promise)) return;
  value.catch(() => {});
  throw new TypeError(`${what} must return at once, got a promise; leave out async and await`);
}

/** Throws unless a value is a tensor of the shape of the currents. */
function checkShape(what: string, value: unknown, x: Tensor): asserts value is Tensor {
  refusePromise(what, value);
  if (value instanceof Tensor && util.arraysEqual(value.shape, x.shape)) return;
  const got = value instanceof Tensor ? `[${value.shape}]` : shown(value);
  throw new RangeError(`${what} must have the shape [${x.shape}] of x, got ${got}`);
}

/** A function that clones a tensor which is an argument or was seen before: a caller may dispose each result by itself. */
function ownTensors(given: readonly Tensor[]): (t: Tensor) => Tensor {
  const seen = new Set(given);
  return (t) => {
    if (seen.has(t)) return clone(t);
    seen.add(t);
    return t;
  };
}

/** Throws where a neuron may fire more than it declares: blocks and kernels rely on it. */
function checkEmits(model: string, emits: Emission, { program }: NeuronFormula, spike: Spike): void {
  if (program === undefined || mostOf(program.spikes) <= mostOf(emits)) return;
  // In smooth mode, spikes are any numbers.
  const own = {
    name: "spike",
    params: {},
    state: () => ({}),
    step: (_: object, u: Tensor) => ({ spikes: spike(u), state: {} }),
  };
  if (neuronFormula(own).program?.spikes.kind !== "bits") return;
  const [fired, remedy] =
    program.spikes.kind === "counts"
      ? [`whole numbers up to ${program.spikes.most}`, `{ kind: "counts", most: ${program.spikes.most} }`]
      : ["any numbers, as far as its operations tell", '{ kind: "reals" }'];
  const bound = program.spikes.kind === "reals" ? ", or bound whole numbers with clipByValue" : "";
  const got = emits.kind === "counts" ? `whole numbers up to ${emits.most}` : "0 and 1";
  throw new TypeError(
    `${model}: emits must cover what fire returns, ${fired}, got ${got}; declare emits: () => (${remedy})${bound}`,
  );
}

/** The largest number of an emission. */
function mostOf(emits: Emission): number {
  if (emits.kind === "counts") return emits.most;
  return emits.kind === "bits" ? 1 : Number.POSITIVE_INFINITY;
}

/**
 * Throws unless these are a model's parameters: of its names and in its domain.
 *
 * @internal
 */
export function checkParams<P extends MembraneParams, S extends string>(model: NeuronModel<P, S>, params: P): void {
  checkNames(model.name, params, model.defaults);
  checkMembrane(model.name, params);
  model.check(params);
  checkFinite(model.name, params);
}

function checkMembrane(name: string, params: MembraneParams): void {
  checkNumber(name, { vThreshold: params.vThreshold, vReset: params.vReset });
  checkParameterShapes(name, params);
  checkBoolean(name, { detachReset: params.detachReset });
  if (params.reset !== "hard" && params.reset !== "soft") {
    throw new RangeError(`${name}: reset must be "hard" or "soft", got ${shown(params.reset)}`);
  }
}
