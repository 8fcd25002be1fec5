/**
 * @file The kernels that a backend may offer for the update of one variable, in one pass over memory.
 *
 * A backend registers them under the names below. The values are those of the composed operations bit for bit. A
 * kernel may write the new weight and slots over the old ones.
 */
import { engine, getBackend, getKernel, type Tensor } from "@tensorflow/tfjs-core";

/** Inputs: `weight`, `velocity` and `gradient`, of one shape. Outputs: the new weight and velocity. */
export const APPLY_MOMENTUM = "ApplyMomentum";
/** Inputs: `weight`, `mean`, `square` and `gradient`, of one shape. Outputs: the new weight, mean and square. */
export const APPLY_ADAM = "ApplyAdam";

/** Attributes of {@link APPLY_MOMENTUM}: `u ← μ·u + g`, `w ← w − lr·u`. */
export interface ApplyMomentumAttrs {
  /** lr */
  readonly rate: number;
  /** μ */
  readonly momentum: number;
}

/** Attributes of {@link APPLY_ADAM}: the update of `adam`. */
export interface ApplyAdamAttrs {
  /** lr */
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** t: which update this is, from 1 on. */
  readonly step: number;
}

/** Runs a kernel of these on the current backend; `undefined` where the backend has none. */
export function fusedUpdate(
  name: typeof APPLY_MOMENTUM | typeof APPLY_ADAM,
  inputs: Record<string, Tensor>,
  attrs: ApplyMomentumAttrs | ApplyAdamAttrs,
): Tensor[] | undefined {
  if (getKernel(name, getBackend()) === undefined) return undefined;
  return engine().runKernel(name, inputs, { ...attrs }) as Tensor[];
}
