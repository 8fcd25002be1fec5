/** @file What is used of the backend that @tensorflow/tfjs-node and -gpu register. */
import type { KernelBackend, Tensor, TensorInfo } from "@tensorflow/tfjs-core";

/** An attribute of an operation of TensorFlow. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | object | string | number[];
}

/** `NodeJSKernelBackend` of @tensorflow/tfjs-node 4.22. */
export interface TensorflowBackend extends KernelBackend {
  /** Whether it is that of @tensorflow/tfjs-node-gpu. */
  readonly isGPUPackage: boolean;
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_ATTR_INT: number };
  executeSingleOutput(name: string, attributes: readonly Attribute[], inputs: readonly TensorInfo[]): Tensor;
}
