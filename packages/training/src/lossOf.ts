import { shown } from "@sew/kernels";
import { reshape, type Scalar, Tensor, type Tensor1D, type Tensor3D } from "@tensorflow/tfjs-core";
import type { Loss } from "./crossEntropy.js";

/** The value of a loss; throws unless it is a scalar. */
export function lossOf(caller: string, loss: Loss, logits: Tensor3D, labels: Tensor1D): Scalar {
  const value: unknown = loss(logits, labels);
  if (value instanceof Tensor && value.size === 1) return (value.rank === 0 ? value : reshape(value, [])) as Scalar;
  const got = value instanceof Tensor ? `a tensor of shape [${value.shape}]` : shown(value);
  throw new TypeError(`${caller}: loss must return a scalar, got ${got}`);
}
