/** @file What the neuron kernels know of a neuron: its step as a function, and as data where they have it hand-written. */
import type { Tensor } from "@tensorflow/tfjs-core";

/** A neuron's state: a tensor for each variable, by name. */
export type NeuronState = Readonly<Record<string, Tensor>>;

/** What one time-step returns: spikes, and the state after them. */
export interface NeuronStep {
  readonly spikes: Tensor;
  readonly state: NeuronState;
}

/** One time-step of a neuron whose parameters are fixed. */
export interface NeuronFormula {
  /** Names of the state variables, in the order in which kernels return them. */
  readonly stateNames: readonly string[];
  /** The step in composed tfjs operations: the meaning of every kernel that runs the neuron. */
  readonly step: (state: NeuronState, x: Tensor) => NeuronStep;
  /** The same step as data, where hand-written kernels know it; its one state variable is `v`. */
  readonly recognised?: RecognisedNeuron;
}

/** A step that hand-written kernels know: charge, Eq. 2 and Eq. 3 with numbers for V_th and V_reset. */
export interface RecognisedNeuron {
  readonly charge: RecognisedCharge;
  readonly vThreshold: number;
  readonly vReset: number;
  readonly reset: "hard" | "soft";
  readonly detachReset: boolean;
  readonly slope: RecognisedSlope;
}

/**
 * A charge that hand-written kernels know: `integrate` is Eq. 4, `leak` is Eq. 5 with a fixed τ, `learnedLeak` is Eq. 5
 * with 1/τ = the kernel's input `rate`. In `potentialLeak` and `learnedPotentialLeak` the potential alone leaks, and the
 * current is added whole.
 */
export type RecognisedCharge =
  | { readonly kind: "integrate" }
  | { readonly kind: "leak" | "potentialLeak"; readonly tau: number }
  | { readonly kind: "learnedLeak" | "learnedPotentialLeak"; readonly rate: () => Tensor };

/** A surrogate slope that hand-written kernels know; `alpha` is its one parameter. */
export interface RecognisedSlope {
  readonly kind:
    | "atan"
    | "sigmoid"
    | "rectangular"
    | "constant"
    | "scaledAtan"
    | "piecewiseQuadratic"
    | "piecewiseExponential"
    | "softSign"
    | "superSpike"
    | "erf";
  readonly alpha: number;
}
