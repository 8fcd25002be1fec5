/** @file Activity: sums along the last axis, and what the values are, from stored spikes where there are some. */
import { activityKernel, type KernelInputs } from "@sew/kernels";
import type { KernelConfig } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "../kernel.js";

const activityConfig: KernelConfig = floatKernel<KernelInputs<typeof activityKernel>, unknown>(
  activityKernel.name,
  ({ x }, _, backend) => {
    const [shape, n] = [x.shape.slice(0, -1), x.shape.at(-1)!];
    const [[sumsInfo, sums], [valuesInfo, values]] = [backend.output(shape), backend.output([4])];
    const spikes = backend.spikes(x);
    const sizes = [sizeOf(shape), n];
    if (spikes === undefined) runNative("activity", sizes, backend.floats(x), sums, values);
    else runNative("activityOfSpikes", sizes, spikes.packed, sums, values);
    return [sumsInfo, valuesInfo];
  },
);

export const kernels: readonly KernelConfig[] = [activityConfig];
