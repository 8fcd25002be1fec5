/** @file NormNeuron and NormNeuronTraining. */
import type { KernelConfig } from "@tensorflow/tfjs-core";

export const kernels: readonly KernelConfig[] = [];
