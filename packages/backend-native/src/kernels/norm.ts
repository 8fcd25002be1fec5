/** @file FusedBatchNorm (evaluation), and batch norm for training, its gradient and running statistics. */
import { batchNormTrainingKernel, type KernelAttrs, type KernelInputs, moveStatisticsKernel } from "@sew/kernels";
import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { floatKernel, sizeOf, updateOver } from "../kernel.js";
import { because } from "../trace.js";

type PerChannel<K extends string> = { [key in K]: TensorInfo };

/** Rows and channels of `[..., C]`. */
function rowsOf({ shape }: TensorInfo): [rows: number, channels: number] {
  const channels = shape.at(-1) ?? 1;
  return [sizeOf(shape) / Math.max(1, channels), channels];
}

/** An input that callers may leave out. */
type Optional = TensorInfo | null | undefined;

/** The values of a per-channel tensor, or `value` for all channels where there is none. */
function perChannel(backend: NativeBackend, tensor: Optional, channels: number, value: number) {
  return tensor == null ? new Float32Array(channels).fill(value) : backend.floats(tensor);
}

const fusedBatchNormConfig: KernelConfig = floatKernel<
  PerChannel<"x" | "mean" | "variance"> & { scale?: Optional; offset?: Optional },
  { varianceEpsilon?: number | null }
>(
  "FusedBatchNorm",
  ({ x, mean, variance, scale, offset }, { varianceEpsilon }, backend) => {
    const [rows, channels] = rowsOf(x);
    const [y, values] = backend.output(x.shape);
    runNative(
      "batchNorm",
      [rows, channels, varianceEpsilon ?? 0.001],
      ...[backend.floatsOrBfloat16(x), backend.floats(mean), backend.floats(variance)],
      ...[perChannel(backend, scale, channels, 1), perChannel(backend, offset, channels, 0), values],
    );
    return y;
  },
  // The cpu kernel computes with statistics per value instead of per channel, which are rare, and refuses others.
  ({ x, mean, variance, scale, offset }) => {
    const channels = x.shape.at(-1) ?? 0;
    return (
      [mean, variance, scale, offset].every((t) => t == null || (t.shape.length === 1 && t.shape[0] === channels)) &&
      channels > 0
    );
  },
);

/** The mean and the biased variance of each channel of x: those that its kernel has taken, or from its values. */
export function batchStatistics(x: TensorInfo, backend: NativeBackend): [mean: TensorInfo, variance: TensorInfo] {
  const [rows, channels] = rowsOf(x);
  const [mean, means] = backend.output([channels]);
  const [variance, variances] = backend.output([channels]);
  const taken = backend.statistics(x);
  if (taken?.mean.length === channels) {
    means.set(taken.mean);
    variances.set(taken.variance);
  } else {
    runNative("batchStatistics", [rows, channels], backend.floatsOrBfloat16(x), means, variances);
  }
  return [mean, variance];
}

const batchNormTrainingConfig: KernelConfig = floatKernel<
  KernelInputs<typeof batchNormTrainingKernel>,
  KernelAttrs<typeof batchNormTrainingKernel>
>(batchNormTrainingKernel.name, ({ x, scale, offset }, { epsilon }, backend) => {
  because(() => "no neurons read this norm alone, so that its output is written to memory as float32");
  const [y, values] = backend.output(x.shape);
  const statistics = batchStatistics(x, backend);
  const inputs = [...statistics, scale, offset].map((t) => backend.floats(t));
  runNative("batchNorm", [...rowsOf(x), epsilon], backend.floatsOrBfloat16(x), ...inputs, values);
  return [y, ...statistics];
});

const batchNormTrainingGradConfig: KernelConfig = floatKernel<
  PerChannel<"x" | "dy" | "scale" | "mean" | "variance">,
  KernelAttrs<typeof batchNormTrainingKernel>
>(batchNormTrainingKernel.gradient!.name, ({ x, dy, scale, mean, variance }, { epsilon }, backend) => {
  const [rows, channels] = rowsOf(x);
  const outputs = [backend.output(x.shape), backend.output([channels]), backend.output([channels])];
  const inputs = [backend.floatsOrBfloat16(x), ...[dy, scale, mean, variance].map((t) => backend.floats(t))];
  runNative("batchNormTrainingGrad", [rows, channels, epsilon], ...inputs, ...outputs.map(([, values]) => values));
  return outputs.map(([info]) => info);
});

const moveStatisticsConfig: KernelConfig = floatKernel<
  KernelInputs<typeof moveStatisticsKernel>,
  KernelAttrs<typeof moveStatisticsKernel>
>(moveStatisticsKernel.name, ({ runningMean, runningVar, mean, variance }, { momentum, unbias }, backend) =>
  updateOver("moveStatistics", [momentum, 1 - momentum, unbias], [runningMean, runningVar], [mean, variance], backend),
);

export const kernels: readonly KernelConfig[] = [
  fusedBatchNormConfig,
  batchNormTrainingConfig,
  batchNormTrainingGradConfig,
  moveStatisticsConfig,
];
