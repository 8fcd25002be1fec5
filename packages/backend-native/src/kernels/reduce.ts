/** @file Sum, Mean, Max, Min over neighbouring axes, and Softmax. */
import { type SumOfFirstAttrs, sumOfFirstKernel } from "@sew/kernels";
import { type KernelConfig, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { floatKernel, sizeOf } from "../kernel.js";
import type { Spikes } from "../spikes.js";

// TensorFlow.js's names, in the order of the enumeration in cc/kernels/reduce.h.
const names = ["Sum", "Mean", "Max", "Min"];

interface ReduceAttrs {
  axis: number | number[];
  keepDims?: boolean;
}
interface AxesAttrs {
  axis?: number | number[];
  reductionIndices?: number | number[];
  keepDims?: boolean;
}

function axesOf({ shape }: TensorInfo, attrs: AxesAttrs): number[] {
  const axis = attrs.axis ?? attrs.reductionIndices ?? shape.map((_, i) => i);
  return util.parseAxisParam(axis, shape).sort((a, b) => a - b);
}

/** The stored spikes of a tensor, where the C++ kernel supports them: bits in whole words along `inner`, or a sum of all. */
function spikesOf(x: TensorInfo, [outer, , inner]: number[], backend: NativeBackend): Spikes | undefined {
  const spikes = backend.spikes(x);
  const isSupported = spikes?.kind === "counts" || inner! % 32 === 0 || outer! * inner! === 1;
  return isSupported ? spikes : undefined;
}

const axisConfigs: KernelConfig[] = names.map((name, op) =>
  floatKernel<{ x: TensorInfo }, ReduceAttrs>(
    name,
    ({ x }, attrs, backend) => {
      const axes = axesOf(x, attrs);
      const [from, to] = [axes[0] ?? 0, (axes.at(-1) ?? -1) + 1];
      const kept = (size: number, axis: number) => (axis < from || axis >= to ? [size] : attrs.keepDims ? [1] : []);
      const [y, values] = backend.output(x.shape.flatMap(kept));
      const sizes = [x.shape.slice(0, from), x.shape.slice(from, to), x.shape.slice(to)].map(sizeOf);
      const spikes = name === "Sum" || name === "Mean" ? spikesOf(x, sizes, backend) : undefined;
      if (spikes !== undefined) runNative("reduceSpikes", [op, ...sizes], spikes.packed, values);
      else runNative("reduce", [op, ...sizes], backend.floats(x), values);
      return y;
    },
    // The cpu kernel reduces axes with others between them, and empty tensors.
    ({ x }, attrs) => {
      const axes = axesOf(x, attrs);
      return axes.length > 0 && axes.every((axis, i) => axis === axes[0]! + i) && sizeOf(x.shape) > 0;
    },
  ),
);

function softmax(name: string, logarithm: boolean): KernelConfig {
  return floatKernel<{ logits: TensorInfo }, { dim?: number; axis?: number }>(
    name,
    ({ logits }, _, backend) => {
      const classes = logits.shape.at(-1)!;
      const [y, values] = backend.output(logits.shape);
      runNative("softmax", [values.length / classes, classes, logarithm ? 1 : 0], backend.floats(logits), values);
      return y;
    },
    ({ logits }, { dim, axis }) => {
      const last = dim ?? axis ?? -1;
      return (last === -1 || last === logits.shape.length - 1) && sizeOf(logits.shape) > 0;
    },
  );
}

/** Values up to which a call of the addon takes longer than the sum. */
const FEW = 4096;

const sumOfFirstConfig: KernelConfig = floatKernel<TensorInfo[], SumOfFirstAttrs>(
  sumOfFirstKernel.name,
  (tensors, { most }, backend) => {
    const [y, total] = backend.output([1]);
    let sum = 0;
    for (const tensor of Object.values(tensors)) {
      const values = backend.floats(tensor);
      const length = Math.min(values.length, most);
      if (length > FEW) runNative("reduce", [0, 1, length, 1], values.subarray(0, length), total);
      else total[0] = sumOf(values, length);
      sum += total[0]!;
    }
    total[0] = sum;
    return [y];
  },
);

function sumOf(values: Float32Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += values[i]!;
  return sum;
}

export const kernels: readonly KernelConfig[] = [
  ...axisConfigs,
  sumOfFirstConfig,
  softmax("Softmax", false),
  softmax("LogSoftmax", true),
];
