/** @file Fill, ZerosLike, OnesLike: float32 tensors of one value, in pooled memory. */
import { getKernel, type KernelConfig, type TensorInfo } from "@tensorflow/tfjs-core";
import { runNative } from "../addon.js";
import { NATIVE, type NativeBackend } from "../backend.js";
import { floatKernel } from "../kernel.js";

function filled(backend: NativeBackend, shape: number[], value: number): TensorInfo {
  const [y, values] = backend.output(shape);
  runNative("fill", [values.length, value], values);
  return y;
}

const fillConfig: KernelConfig = {
  kernelName: "Fill",
  backendName: NATIVE,
  kernelFunc: (args) => {
    const { shape, value, dtype } = args.attrs as { shape: number[]; value: number | string; dtype?: string };
    const isFloat = dtype === "float32" || (dtype === undefined && typeof value === "number");
    if (!isFloat || typeof value !== "number") return getKernel("Fill", "cpu").kernelFunc(args);
    return filled(args.backend as NativeBackend, shape, value);
  },
};

const like = (kernelName: string, value: number): KernelConfig =>
  floatKernel<{ x: TensorInfo }, unknown>(kernelName, ({ x }, _, backend) => filled(backend, x.shape, value));

export const kernels: readonly KernelConfig[] = [fillConfig, like("ZerosLike", 0), like("OnesLike", 1)];
