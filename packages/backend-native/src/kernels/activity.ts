/** @file Activity: sums along the last axis, and what kind of numbers there are, from stored spikes where there are some. */
import { activityKernel, type KernelInputs } from "@sew/kernels";
import type { KernelConfig } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "../kernel.js";

const activityConfig: KernelConfig = floatKernel<KernelInputs<typeof activityKernel>, unknown>(
  activityKernel.name,
  ({ x }, _, backend) => {
    const [shape, n] = [x.shape.slice(0, -1), x.shape.at(-1)!];
    const spikes = backend.spikes(x);
    const [[sumsInfo, sums], [rangeInfo, range]] = [backend.output(shape), backend.output([3])];
    // Of bits, those that are not 0 are their sum.
    const isBits = spikes?.kind === "bits";
    const [nonZerosInfo, nonZeros] = isBits ? [backend.share(sumsInfo), sums] : backend.output(shape);
    const sizes = [sizeOf(shape), n];
    if (spikes === undefined) runNative("activity", sizes, backend.floats(x), sums, nonZeros, range);
    else runNative("activityOfSpikes", sizes, spikes.packed, sums, nonZeros, range);
    return [sumsInfo, nonZerosInfo, rangeInfo];
  },
);

export const kernels: readonly KernelConfig[] = [activityConfig];
