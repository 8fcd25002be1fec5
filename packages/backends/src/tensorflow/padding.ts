/**
 * @file Padding in pixels for the backend of @tensorflow/tfjs-node, whose kernels take "valid" and "same" alone.
 *
 * TensorFlow's operations themselves take it, as `padding: "EXPLICIT"`. So a kernel is called with "valid", on a backend
 * that changes this attribute of the operation which the kernel executes.
 */
import { type KernelConfig, registerKernel, unregisterKernel } from "@tensorflow/tfjs-core";
import type { Attribute, TensorflowBackend } from "./backend.js";

/** The kernels. TensorFlow's average pool has no such padding; ours pads apart: see `avgPool2d` of `@sew/layers`. */
export const paddedKernels = [
  "Conv2D",
  "Conv2DBackpropFilter",
  "Conv2DBackpropInput",
  "DepthwiseConv2dNative",
  "DepthwiseConv2dNativeBackpropFilter",
  "DepthwiseConv2dNativeBackpropInput",
  "MaxPool",
  "MaxPoolGrad",
] as const;

type Pairs = readonly (readonly [before: number, after: number])[];

/** `pad` as TensorFlow.js's operations take it, for each axis: rows and columns are the second and third, or the last two. */
function paddings(pad: number | Pairs, isLast: boolean): number[] {
  if (typeof pad !== "number") return pad.flat();
  const spatial = [pad, pad, pad, pad];
  return isLast ? [0, 0, ...spatial, 0, 0] : [0, 0, 0, 0, ...spatial];
}

/** The backend, on which operations have this padding. */
function withPadding(backend: TensorflowBackend, pad: number | Pairs): TensorflowBackend {
  const { TF_ATTR_INT: type } = backend.binding;
  const executeSingleOutput: TensorflowBackend["executeSingleOutput"] = (name, attributes, inputs) => {
    const isLast = attributes.find((attribute) => attribute.name === "data_format")?.value !== "NCHW";
    const explicit: Attribute = { name: "explicit_paddings", type, value: paddings(pad, isLast) };
    const others = attributes
      .filter((attribute) => attribute.name !== explicit.name)
      .map((attribute) => (attribute.name === "padding" ? { ...attribute, value: "EXPLICIT" } : attribute));
    return backend.executeSingleOutput(name, [...others, explicit], inputs);
  };
  return Object.create(backend, { executeSingleOutput: { value: executeSingleOutput } }) as TensorflowBackend;
}

/** Registers a kernel in the place of one that refuses padding in pixels. */
export function takePadding({ kernelFunc, ...kernel }: KernelConfig): void {
  unregisterKernel(kernel.kernelName, kernel.backendName);
  registerKernel({
    ...kernel,
    kernelFunc(args) {
      const { pad } = args.attrs as unknown as { readonly pad: "valid" | "same" | number | Pairs };
      // TensorFlow refuses explicit paddings that are all 0.
      if (typeof pad === "string" || pad === 0 || [pad].flat(2).every((pixels) => pixels === 0))
        return kernelFunc(args);
      const backend = withPadding(args.backend as TensorflowBackend, pad);
      return kernelFunc({ ...args, attrs: { ...args.attrs, pad: "valid" }, backend });
    },
  });
}
