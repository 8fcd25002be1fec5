import {
  logSoftmax,
  mean,
  mul,
  neg,
  oneHot,
  type Scalar,
  sum,
  type Tensor1D,
  type Tensor3D,
  tidy,
} from "@tensorflow/tfjs-core";

/**
 * Cross-entropy of the mean output: `L = −1/N Σ_n log softmax(z_n)[label_n]` with `z = 1/T Σ_t logits[t]`.
 *
 * Stable for large logits: the softmax is taken in the log domain. Its gradient is `(softmax(z_n) − onehot_n) / (N·T)` at
 * every time-step. Labels are not checked against the classes: one out of range counts as a loss of 0.
 *
 * @param logits `[T, N, classes]`
 * @param labels int32 `[N]`, counted from 0
 * @returns a scalar, in nats
 * @throws TypeError when labels are not int32; RangeError when the shapes do not fit or there are fewer than 2 classes
 * @see W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, appendix A.1
 *
 * @example
 * const loss = crossEntropy(zeros([4, 1, 2]), tensor1d([0], "int32"));
 * loss.arraySync(); // 0.6931471824645996
 */
export function crossEntropy(logits: Tensor3D, labels: Tensor1D): Scalar {
  if (labels.dtype !== "int32") {
    throw new TypeError(`crossEntropy: labels must be int32, got ${labels.dtype}`);
  }
  if (logits.rank !== 3 || labels.rank !== 1 || logits.shape[1] !== labels.shape[0]) {
    throw new RangeError(
      `crossEntropy: logits and labels must be [T, N, classes] and [N], got [${logits.shape}] and [${labels.shape}]`,
    );
  }
  if (logits.shape[2] < 2) {
    throw new RangeError(
      `crossEntropy: logits must have at least 2 classes, got ${logits.shape[2]} in [${logits.shape}]`,
    );
  }
  return tidy(() => {
    const picked = oneHot(labels, logits.shape[2], 1, 0, "float32");
    return neg(mean(sum(mul(picked, logSoftmax(mean(logits, 0))), 1)));
  });
}
