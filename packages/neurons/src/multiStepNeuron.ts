/**
 * @file The kernel that a backend may offer for a whole sequence: Eqs. 1-3 over all T in one pass, and its gradient.
 *
 * A backend registers both under the names below; {@link unroll} uses them when it has them.
 * The meaning is that of the composed operations in neuron.ts, rounding included.
 */
import type { FusedSlope } from "@sew/surrogates";
import {
  engine,
  fill,
  getBackend,
  getGradient,
  getKernel,
  registerGradient,
  scalar,
  type Tensor,
} from "@tensorflow/tfjs-core";
import type { FusedCharge, Neuron, Reset } from "./neuron.js";

/**
 * Inputs: currents `x` [T, ...], the potential before them `v` [...], and `rate` [], which only learned leaks read.
 * Outputs: spikes [T, ...] and the potential after them [...].
 */
export const MULTI_STEP_NEURON = "MultiStepNeuron";
/** Inputs: those of the forward kernel, and `dSpikes`, `dV`. Outputs: the gradients of `x`, `v` and `rate`. */
export const MULTI_STEP_NEURON_GRAD = "MultiStepNeuronGrad";

/** Attributes of both kernels. */
export interface MultiStepNeuronAttrs {
  readonly charge: FusedCharge["kind"];
  /** τ of the charges with a fixed one; 0 for the others. */
  readonly tau: number;
  readonly vThreshold: number;
  readonly vReset: number;
  readonly reset: Reset;
  readonly detachReset: boolean;
  readonly slope: FusedSlope["kind"];
  readonly alpha: number;
}

/** Whether the current backend has the kernels, and the neuron is one that they know. */
export function canFuse(neuron: Neuron): boolean {
  return (
    neuron.charge !== undefined &&
    neuron.spike.fused !== undefined &&
    getKernel(MULTI_STEP_NEURON, getBackend()) !== undefined &&
    getKernel(MULTI_STEP_NEURON_GRAD, getBackend()) !== undefined
  );
}

/** The attributes that describe a neuron for which {@link canFuse} holds. */
export function fusedAttrs({ charge, params, spike }: Neuron): MultiStepNeuronAttrs {
  if (charge === undefined || spike.fused === undefined) {
    throw new TypeError("fusedAttrs: neuron must be one that fused kernels know; ask canFuse first");
  }
  const { vThreshold, vReset, reset, detachReset } = params;
  return {
    charge: charge.kind,
    tau: "tau" in charge ? charge.tau : 0,
    vThreshold,
    vReset,
    reset,
    detachReset,
    slope: spike.fused.kind,
    alpha: spike.fused.alpha,
  };
}

/** The input `rate` of the kernels for a neuron, `[]`: its learned leak, 0 where it has none. */
export function fusedRate({ charge }: Neuron): Tensor {
  return charge !== undefined && "rate" in charge ? charge.rate() : scalar(0);
}

/** Runs a kernel of several outputs on the current backend. */
export function runKernel(name: string, inputs: Record<string, Tensor>, attrs: object): Tensor[] {
  return engine().runKernel(name, inputs, attrs as Record<string, never>) as Tensor[];
}

/** Runs the forward kernel under autodiff; without `v`, the sequence starts at V_reset. */
export function multiStepNeuron(neuron: Neuron, x: Tensor, v?: Tensor): { spikes: Tensor; v: Tensor } {
  if (getGradient(MULTI_STEP_NEURON) === undefined) registerMultiStepNeuronGradient();
  const inputs = { x, v: v ?? fill(x.shape.slice(1), neuron.params.vReset), rate: fusedRate(neuron) };
  const [spikes, last] = runKernel(MULTI_STEP_NEURON, inputs, fusedAttrs(neuron));
  return { spikes: spikes!, v: last! };
}

function registerMultiStepNeuronGradient(): void {
  registerGradient({
    kernelName: MULTI_STEP_NEURON,
    inputsToSave: ["x", "v", "rate"],
    gradFunc: (dy, saved, attrs) => {
      const [dSpikes, dV] = dy as [Tensor, Tensor];
      const [x, v, rate] = saved as [Tensor, Tensor, Tensor];
      const [dx, dv, dRate] = runKernel(MULTI_STEP_NEURON_GRAD, { x, v, rate, dSpikes, dV }, attrs);
      return { x: () => dx!, v: () => dv!, rate: () => dRate! };
    },
  });
}
