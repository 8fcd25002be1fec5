/** @file BatchMatMul. */
import { broadcast_util, type KernelConfig, type TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { floatKernel, sizeOf } from "./kernel.js";

interface MatMulAttrs {
  transposeA: boolean;
  transposeB: boolean;
}

type Inputs = { a: TensorInfo; b: TensorInfo };

const batchOf = ({ shape }: TensorInfo) => sizeOf(shape.slice(0, -2));

export const batchMatMulConfig: KernelConfig = floatKernel<Inputs, MatMulAttrs>(
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
    const sizes = [sizeOf(batch), batchOf(a), batchOf(b), rows, inner, columns];
    runNative("matMul", [...sizes, ...flags], backend.floats(a), backend.floats(b), values);
    return y;
  },
  // The C++ kernel takes one matrix or as many as the result has, not a partial broadcast.
  ({ a, b }) => batchOf(a) === batchOf(b) || batchOf(a) === 1 || batchOf(b) === 1,
);
