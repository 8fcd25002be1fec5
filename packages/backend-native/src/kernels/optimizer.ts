/** @file The updates of @sew/training's optimisers, written over the old values where nobody else holds them. */
import { applyAdamKernel, applyMomentumKernel, type KernelAttrs, type KernelInputs } from "@sew/kernels";
import type { KernelConfig } from "@tensorflow/tfjs-core";
import { floatKernel, updateOver } from "../kernel.js";

const applyMomentumConfig: KernelConfig = floatKernel<
  KernelInputs<typeof applyMomentumKernel>,
  KernelAttrs<typeof applyMomentumKernel>
>(applyMomentumKernel.name, ({ weight, velocity, gradient }, { rate, momentum }, backend) =>
  updateOver("applyMomentum", [rate, momentum], [weight, velocity], [gradient], backend),
);

const applyAdamConfig: KernelConfig = floatKernel<
  KernelInputs<typeof applyAdamKernel>,
  KernelAttrs<typeof applyAdamKernel>
>(applyAdamKernel.name, ({ weight, mean, square, gradient }, { rate, beta1, beta2, epsilon, step }, backend) => {
  // The powers are computed where the composed operations compute them: those of C++ may differ in the last bit.
  const numbers = [rate, beta1, 1 - beta1, 1 - beta1 ** step, beta2, 1 - beta2, 1 - beta2 ** step, epsilon];
  return updateOver("applyAdam", numbers, [weight, mean, square], [gradient], backend);
});

export const kernels: readonly KernelConfig[] = [applyMomentumConfig, applyAdamConfig];
