/** @file BatchMatMul. */
import { broadcast_util, type KernelConfig, type TensorInfo } from "@tensorflow/tfjs-core";
import { hasMatrixUnit, runFinite, runNative } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { floatKernel, sizeOf } from "../kernel.js";
import { fillsSteps, LEAST_WINDOW } from "../matrixUnit.js";
import { spikeConvolution } from "../spikeConvolution.js";

interface MatMulAttrs {
  transposeA: boolean;
  transposeB: boolean;
}

type Inputs = { a: TensorInfo; b: TensorInfo };

const batchOf = ({ shape }: TensorInfo) => sizeOf(shape.slice(0, -2));

/** Offset of the matrix of a tensor that belongs to the result's `index`-th; `batch` is the shape of the result's batch. */
function startOf({ shape }: TensorInfo, batch: readonly number[], index: number): number {
  let [start, stride, rest] = [0, shape.at(-1)! * shape.at(-2)!, index];
  for (let axis = 1; axis <= batch.length; axis++) {
    const size = shape.at(-2 - axis) ?? 1;
    if (size > 1) start += (rest % batch.at(-axis)!) * stride;
    stride *= size;
    rest = Math.floor(rest / batch.at(-axis)!);
  }
  return start;
}

/** Fewest rows of a matrix for a matrix unit: those of a block of sums. Where one is transposed there is more to prepare. */
const LEAST_ROWS = { plain: 32, transposed: 128 };

/**
 * Runs a matrix product on a matrix unit, as a 1x1 convolution or one of its gradients, whose pixels are rows of `a`.
 *
 * @returns whether it did: there is a unit, `a` and `b` are one matrix each, at most one of them transposed, `a` of spikes with
 * words of channels or of enough numbers to fill tiles, and all are finite
 */
function multiplyOnUnit(
  a: TensorInfo,
  b: TensorInfo,
  { transposeA, transposeB }: MatMulAttrs,
  y: Float32Array,
  backend: NativeBackend,
): boolean {
  if (!hasMatrixUnit() || batchOf(a) !== 1 || batchOf(b) !== 1 || (transposeA && transposeB)) return false;
  const sizes = ({ shape }: TensorInfo) => shape.slice(-2) as [rows: number, columns: number];
  const [[pixels, channels], [rows, columns]] = [sizes(a), sizes(b)];
  const numbers = (from: number, to: number) => [pixels, 1, 1, from, 1, 1, to, 1, 1, 1, 1, 0, 0, 1, 1, 0];
  const spikes =
    channels % 32 === 0 && !transposeB && spikeConvolution() !== "off" ? backend.spikes(a)?.packed : undefined;
  if (spikes !== undefined) {
    const kernel = transposeA ? "matrixSpikeConv2dFilterGrad" : "matrixSpikeConv2d";
    return runFinite(kernel, numbers(channels, columns), spikes, backend.floats(b), y);
  }
  if (pixels < LEAST_ROWS[transposeA || transposeB ? "transposed" : "plain"]) return false;
  if (transposeA ? channels < LEAST_WINDOW : !fillsSteps(channels)) return false;
  const factors = [backend.floats(a), backend.floats(b)];
  if (transposeB) return runFinite("matrixConv2dInputGrad", numbers(rows, channels), ...factors, y);
  return runFinite(transposeA ? "matrixConv2dFilterGrad" : "matrixConv2d", numbers(channels, columns), ...factors, y);
}

const batchMatMulConfig: KernelConfig = floatKernel<Inputs, MatMulAttrs>("BatchMatMul", ({ a, b }, attrs, backend) => {
  const { transposeA, transposeB } = attrs;
  const [rows, inner] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [innerB, columns] = transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (inner !== innerB) {
    throw new RangeError(`BatchMatMul: inner sizes must agree, got [${a.shape}] and [${b.shape}]`);
  }
  const batch = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [y, values] = backend.output([...batch, rows, columns]);
  if (multiplyOnUnit(a, b, attrs, values, backend)) return y;
  const flags = [transposeA ? 1 : 0, transposeB ? 1 : 0];
  const sizes = [rows, inner, columns, ...flags];
  const [from, by, count] = [backend.floats(a), backend.floats(b), sizeOf(batch)];
  if ([a, b].every((t) => batchOf(t) === 1 || batchOf(t) === count)) {
    runNative("matMul", [count, batchOf(a), batchOf(b), ...sizes], from, by, values);
    return y;
  }
  // The C++ kernel takes one matrix or as many as the result has. With a partial broadcast it is called for each.
  for (let i = 0; i < count; i++) {
    const [left, right] = [from.subarray(startOf(a, batch, i)), by.subarray(startOf(b, batch, i))];
    runNative("matMul", [1, 1, 1, ...sizes], left, right, values.subarray(i * rows * columns));
  }
  return y;
});

export const kernels: readonly KernelConfig[] = [batchMatMulConfig];
