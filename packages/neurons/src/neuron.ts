/** @file What every spiking neuron shares: Eqs. 1-3 of Fang et al., NeurIPS 2021, arXiv:2102.04159. */
import { atan, type Spike } from "@sew/surrogates";
import { add, clone, customGrad, mul, sub, type Tensor, tidy, zerosLike } from "@tensorflow/tfjs-core";
import { checkFinite } from "./check.js";

/** How a potential falls after a spike: to V_reset (hard, Eq. 3), or by V_th (soft). */
export type Reset = "hard" | "soft";

/** Parameters of Eqs. 2 and 3, common to every model. Potentials are dimensionless. */
export interface MembraneParams {
  /** Firing threshold V_th. A neuron fires when H ≥ V_th. */
  readonly vThreshold: number;
  /** Potential V_reset: at rest, at the start of a sequence, and after a spike when the reset is hard. */
  readonly vReset: number;
  /** `"hard"`: V = H (1 − S) + V_reset S (Eq. 3). `"soft"`: V = H − V_th S. */
  readonly reset: Reset;
  /** Whether back-propagation takes S in the reset as a constant, as the paper's training does. */
  readonly detachReset: boolean;
}

/** The paper's settings: V_th = 1, V_reset = 0, hard detached reset. */
export const membrane: MembraneParams = { vThreshold: 1, vReset: 0, reset: "hard", detachReset: true };

/**
 * Eq. 1, `H[t] = f(V[t-1], X[t])`: the one thing a neuron model defines.
 *
 * Pure and element-wise: `v` and `x` have the same shape, the result has it too,
 * and neither argument is disposed.
 */
export type Charge<P extends MembraneParams> = (v: Tensor, x: Tensor, params: P) => Tensor;

/**
 * A charge in a form that a backend's fused kernel can evaluate:
 * `integrate` is Eq. 4, `leak` is Eq. 5 with a fixed τ, `learnedLeak` is Eq. 5 with 1/τ = `rate`, a scalar tensor. In
 * `potentialLeak` and `learnedPotentialLeak` the potential alone leaks and the current is added whole.
 */
export type FusedCharge =
  | { readonly kind: "integrate" }
  | { readonly kind: "leak" | "potentialLeak"; readonly tau: number }
  | { readonly kind: "learnedLeak" | "learnedPotentialLeak"; readonly rate: () => Tensor };

/** A model: its name, its Eq. 1, its default parameters, and what they must satisfy. */
export interface NeuronModel<P extends MembraneParams> {
  readonly name: string;
  readonly charge: Charge<P>;
  readonly defaults: P;
  /** Throws `RangeError` when `params` are outside the model's domain. */
  check(params: P): void;
  /** The same charge for fused kernels, when one of them knows it. */
  readonly fused?: (params: P) => FusedCharge;
}

/** One time-step. `spikes` holds 0 and 1; both tensors have the shape of `x`. */
export interface Step {
  readonly spikes: Tensor;
  readonly v: Tensor;
}

/** A neuron whose parameters are fixed: state goes in, state comes out. */
export interface Neuron {
  (v: Tensor, x: Tensor): Step;
  readonly params: MembraneParams;
  readonly spike: Spike;
  /** The charge for fused kernels; absent when only calling the neuron can evaluate it. */
  readonly charge?: FusedCharge;
}

/** Eq. 2: `S[t] = Θ(H[t] − V_th)`. */
export function fire(h: Tensor, vThreshold: number, spike: Spike): Tensor {
  return spike(sub(h, vThreshold));
}

/** The same values, cut from the gradient. */
const detach = customGrad((...inputs) => {
  const x = inputs[0] as Tensor;
  return { value: clone(x), gradFunc: (dy: Tensor) => zerosLike(dy) };
});

/**
 * Eq. 3: `V[t] = H[t] (1 − S[t]) + V_reset S[t]`, or, soft, `V[t] = H[t] − V_th S[t]`.
 *
 * With `detachReset`, S is a constant here when gradients are taken: ∂V/∂H is 1 − S (hard) or 1 (soft).
 */
export function reset(h: Tensor, spikes: Tensor, params: MembraneParams): Tensor {
  const s = params.detachReset ? detach(spikes) : spikes;
  if (params.reset === "soft") return sub(h, mul(params.vThreshold, s));
  return add(mul(h, sub(1, s)), mul(params.vReset, s));
}

/**
 * Joins a model's charge (Eq. 1) to the shared fire (Eq. 2) and reset (Eq. 3).
 *
 * @param model the neuron model, such as `lif`
 * @param params what differs from the model's defaults
 * @param spike the spike function; the paper's ArcTan with α = 2 unless given
 * @returns a function from (V[t-1], X[t]) to (S[t], V[t]), all of one shape
 * @throws RangeError when a parameter is outside the model's domain
 *
 * @example
 * const step = neuron(lif, { tau: 2 });
 * const { spikes, v } = step(zeros([2]), tensor1d([1.5, 2]));
 * spikes.arraySync(); // [0, 1]
 * v.arraySync(); // [0.75, 0]
 */
export function neuron<P extends MembraneParams>(
  model: NeuronModel<P>,
  params: Partial<P> = {},
  spike: Spike = atan(),
): Neuron {
  const p: P = { ...model.defaults, ...params };
  checkMembrane(model.name, p);
  model.check(p);
  const step = (v: Tensor, x: Tensor): Step =>
    tidy(() => {
      const h = model.charge(v, x, p);
      const spikes = fire(h, p.vThreshold, spike);
      return { spikes, v: reset(h, spikes, p) };
    });
  const charge = model.fused?.(p);
  return Object.assign(step, charge === undefined ? { params: p, spike } : { params: p, spike, charge });
}

function checkMembrane(name: string, { vThreshold, vReset, reset }: MembraneParams): void {
  checkFinite(name, { vThreshold, vReset });
  if (reset !== "hard" && reset !== "soft") {
    throw new RangeError(`${name}: reset must be "hard" or "soft", got ${JSON.stringify(reset)}`);
  }
}
