/** @file The updates of @sew/training's optimisers, written over the old values where nobody else holds them. */
import type { APPLY_ADAM, APPLY_MOMENTUM, ApplyAdamAttrs, ApplyMomentumAttrs } from "@sew/training";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { floatKernel, updateOver } from "../kernel.js";

const momentumStep: typeof APPLY_MOMENTUM = "ApplyMomentum";
const adamStep: typeof APPLY_ADAM = "ApplyAdam";

type Inputs<K extends string> = { [key in K]: TensorInfo };

const applyMomentumConfig: KernelConfig = floatKernel<Inputs<"weight" | "velocity" | "gradient">, ApplyMomentumAttrs>(
  momentumStep,
  ({ weight, velocity, gradient }, { rate, momentum }, backend) =>
    updateOver("applyMomentum", [rate, momentum], [weight, velocity], [gradient], backend),
);

const applyAdamConfig: KernelConfig = floatKernel<Inputs<"weight" | "mean" | "square" | "gradient">, ApplyAdamAttrs>(
  adamStep,
  ({ weight, mean, square, gradient }, { rate, beta1, beta2, epsilon, step }, backend) => {
    // The powers are computed where the composed operations compute them: those of C++ may differ in the last bit.
    const numbers = [rate, beta1, 1 - beta1, 1 - beta1 ** step, beta2, 1 - beta2, 1 - beta2 ** step, epsilon];
    return updateOver("applyAdam", numbers, [weight, mean, square], [gradient], backend);
  },
);

export const kernels: readonly KernelConfig[] = [applyMomentumConfig, applyAdamConfig];
