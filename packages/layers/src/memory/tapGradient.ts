/** @file The gradients of intermediate tensors, seen as a backward pass reaches them: none is kept for it. */
import { engine, type Scalar, scalar, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { freeAfterUse } from "./freeAfterUse.js";

interface Tap {
  readonly tensor: Tensor;
  /** Receives `∂L/∂tensor`. */
  readonly receive: (gradient: Tensor) => void;
}

/** The taps of a node's outputs, by the node of the tape. */
const taps = new WeakMap<object, Tap[]>();

/**
 * Shows the gradient of an intermediate tensor, `∂L/∂x`, when the backward pass reaches it: for an observer that measures
 * gradients while a model trains. The pass itself is the same, kernel by kernel.
 *
 * Call it while gradients are recorded, after the operation that made `x`. A gradient that is nowhere on the way from the loss
 * to the differentiated variables is not computed, and so is not shown.
 *
 * @param x the output of an operation that was recorded
 * @param receive gets the gradient, of the shape of x. It is freed afterwards; keep what you need, and compute under
 *   `unrecorded`
 * @returns whether x was found; false for a tensor that no recorded operation made, such as the input of a network
 *
 * @example
 * const seen = [];
 * const f = (w) => {
 *   const y = mul(w, 3);
 *   tapGradient(y, (gradient) => seen.push(...gradient.dataSync()));
 *   return sum(square(y));
 * };
 * grad(f)(tensor1d([1, 2]));
 * seen; // [6, 12]
 */
export function tapGradient(x: Tensor, receive: (gradient: Tensor) => void): boolean {
  const { activeTape } = engine().state;
  const node = activeTape?.findLast(({ outputs }) => outputs.some(({ id }) => id === x.id));
  if (node?.gradient === undefined) return false;
  const { gradient, outputs } = node;
  const place = outputs.findIndex(({ id }) => id === x.id);
  taps.set(node, [...(taps.get(node) ?? []), { tensor: x, receive }]);
  node.gradient = (dys) => {
    // An output that the loss does not depend on has no gradient.
    const dy = dys[place];
    if (dy != null) receive(dy);
    return gradient(dys);
  };
  return true;
}

/**
 * Runs a function and its backward pass as far as its taps, and no further: without the gradients of parameters.
 *
 * @param f a function whose observers call {@link tapGradient}
 *
 * @example
 * const x = tensor1d([1, 2]);
 * const seen = [];
 * backwardToTaps(() => {
 *   const y = mul(x, 3);
 *   tapGradient(y, (gradient) => seen.push(...gradient.dataSync()));
 *   return sum(square(y));
 * });
 * seen; // [6, 12]
 */
export function backwardToTaps(f: () => Scalar): void {
  tidy(() => {
    const first: Tap[] = [];
    // tfjs asks for one tensor at least before f runs; the others are known when it has.
    const xs: Tensor[] = [scalar(0)];
    const forward = freeAfterUse(f);
    const { grads } = engine().gradients(
      () => {
        const y = forward();
        first.push(...firstTaps());
        xs.push(...first.map(({ tensor }) => tensor));
        return y;
      },
      xs,
      undefined,
      true,
    );
    // tfjs does not go on to the operation that made the tensor of a first tap: here are their gradients.
    for (const [i, { receive }] of first.entries()) if (grads[i + 1] != null) receive(grads[i + 1]!);
  });
}

/** The taps of the current tape behind none of the others. */
function firstTaps(): Tap[] {
  const behind = new Set<number>();
  const first: Tap[] = [];
  for (const node of engine().state.activeTape ?? []) {
    const isBehind = Object.values(node.inputs).some(({ id }) => behind.has(id));
    const own = taps.get(node) ?? [];
    if (!isBehind) first.push(...own);
    if (isBehind) for (const { id } of node.outputs) behind.add(id);
    for (const { tensor } of own) behind.add(tensor.id);
  }
  return first;
}
