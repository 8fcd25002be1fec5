/** @file BatchMatMul. */
import { broadcast_util, type KernelConfig, type TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "../kernel.js";

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

const batchMatMulConfig: KernelConfig = floatKernel<Inputs, MatMulAttrs>(
  "BatchMatMul",
  ({ a, b }, { transposeA, transposeB }, backend) => {
    const [rows, inner] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
    const [innerB, columns] = transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
    if (inner !== innerB) {
      throw new RangeError(`BatchMatMul: inner sizes must agree, got [${a.shape}] and [${b.shape}]`);
    }
    const batch = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const [y, values] = backend.output([...batch, rows, columns]);
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
  },
);

export const kernels: readonly KernelConfig[] = [batchMatMulConfig];
