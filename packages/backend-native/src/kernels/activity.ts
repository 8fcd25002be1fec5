/** @file Activity: sums of a sequence, and what its values are, from stored spikes where there are some. */
import { activityKernel, type KernelInputs } from "@sew/kernels";
import type { KernelConfig } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "../kernel.js";

const activityConfig: KernelConfig = floatKernel<KernelInputs<typeof activityKernel>, unknown>(
  activityKernel.name,
  ({ x }, _, backend) => {
    const [sequence, position] = [x.shape.slice(0, 2), x.shape.slice(2, -1)];
    const outputs = [backend.output(sequence), backend.output(position), backend.output([4])];
    const sums = outputs.map(([, values]) => values);
    const sizes = [sizeOf(sequence), sizeOf(position), x.shape.at(-1)!];
    const spikes = backend.spikes(x);
    if (spikes === undefined) runNative("activity", sizes, backend.floats(x), ...sums);
    else runNative("activityOfSpikes", sizes, spikes.packed, ...sums);
    return outputs.map(([info]) => info);
  },
);

export const kernels: readonly KernelConfig[] = [activityConfig];
