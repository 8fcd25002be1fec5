import {
  add,
  logSoftmax,
  mean,
  mul,
  neg,
  oneHot,
  reshape,
  type Scalar,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor3D,
  tidy,
  tile,
} from "@tensorflow/tfjs-core";

/**
 * A loss: of logits `[T, N, classes]` and labels int32 `[N]`, a scalar, the mean over N.
 *
 * It is called inside a gradient: a pure function of tensor ops.
 */
export type Loss = (logits: Tensor3D, labels: Tensor1D) => Scalar;

/** Options of the cross-entropies. */
export interface CrossEntropyOptions {
  /**
   * ε: the target is `(1 − ε)·onehot + ε / classes`; in [0, 1).
   *
   * C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.
   * @defaultValue 0
   */
  readonly labelSmoothing?: number;
}

/**
 * Cross-entropy of the mean output: `L = −1/N Σ_n log softmax(z_n)[label_n]` with `z = 1/T Σ_t logits[t]`.
 *
 * Stable for large logits: the softmax is taken in the log domain. Its gradient is `(softmax(z_n) − onehot_n) / (N·T)` at
 * every time-step. Labels are not compared with the classes: one out of range counts as a loss of 0.
 *
 * @param logits `[T, N, classes]`
 * @param labels int32 `[N]`, counted from 0
 * @returns a scalar, in nats
 * @throws TypeError when labels are not int32; RangeError when the shapes do not fit, there are fewer than 2 classes or
 * the smoothing is out of range
 * @see W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, appendix A.1
 *
 * @example
 * const loss = crossEntropy(zeros([4, 1, 2]), tensor1d([0], "int32"));
 * loss.arraySync(); // 0.6931471824645996
 * const smooth: Loss = (logits, labels) => crossEntropy(logits, labels, { labelSmoothing: 0.1 });
 */
export function crossEntropy(logits: Tensor3D, labels: Tensor1D, options: CrossEntropyOptions = {}): Scalar {
  check("crossEntropy", logits, labels, options);
  return tidy(() => ofScores(mean(logits, 0), labels, options));
}

/**
 * Mean of the cross-entropies of every time-step: `L = −1/(T·N) Σ_t Σ_n log softmax(logits[t, n])[label_n]`.
 *
 * Every step is to be right by itself, not their mean alone.
 *
 * S. Deng et al., "Temporal Efficient Training of Spiking Neural Network via Gradient Re-weighting", ICLR 2022, eq. 10.
 *
 * @param logits `[T, N, classes]`
 * @param labels int32 `[N]`, counted from 0
 * @returns a scalar, in nats; at least {@link crossEntropy}
 * @throws as {@link crossEntropy}
 *
 * @example
 * const logits = tensor3d([2, 0, 0, 2], [2, 1, 2]);
 * crossEntropyPerStep(logits, tensor1d([0], "int32")).arraySync(); // 1.126928
 */
export function crossEntropyPerStep(logits: Tensor3D, labels: Tensor1D, options: CrossEntropyOptions = {}): Scalar {
  check("crossEntropyPerStep", logits, labels, options);
  const [steps, batch, classes] = logits.shape;
  return tidy(() => ofScores(reshape(logits, [steps * batch, classes]), tile(labels, [steps]), options));
}

/** Mean cross-entropy of scores `[M, classes]` and labels `[M]`. */
function ofScores(scores: Tensor, labels: Tensor1D, { labelSmoothing = 0 }: CrossEntropyOptions): Scalar {
  const logarithms = logSoftmax(scores);
  const picked = oneHot(labels, scores.shape[1]!, 1, 0, "float32");
  const ofLabel = neg(mean(sum(mul(picked, logarithms), 1)));
  if (labelSmoothing === 0) return ofLabel as Scalar;
  return add(mul(ofLabel, 1 - labelSmoothing), mul(neg(mean(logarithms)), labelSmoothing)) as Scalar;
}

function check(caller: string, logits: Tensor3D, labels: Tensor1D, { labelSmoothing = 0 }: CrossEntropyOptions): void {
  if (labels.dtype !== "int32") {
    throw new TypeError(`${caller}: labels must be int32, got ${labels.dtype}`);
  }
  if (logits.rank !== 3 || labels.rank !== 1 || logits.shape[1] !== labels.shape[0]) {
    throw new RangeError(
      `${caller}: logits and labels must be [T, N, classes] and [N], got [${logits.shape}] and [${labels.shape}]`,
    );
  }
  if (logits.shape[2] < 2) {
    throw new RangeError(`${caller}: logits must have at least 2 classes, got ${logits.shape[2]} in [${logits.shape}]`);
  }
  if (!(Number.isFinite(labelSmoothing) && labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new RangeError(`${caller}: labelSmoothing must be at least 0 and below 1, got ${labelSmoothing}`);
  }
}
