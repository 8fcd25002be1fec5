/** @file MultiStepNeuron. */
import type { KernelConfig } from "@tensorflow/tfjs-core";

export const kernels: readonly KernelConfig[] = [];
