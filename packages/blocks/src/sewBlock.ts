import { type Activation, type ConvNormNeuron, disposeModule, emissionOf, type Module, relus, run } from "@sew/layers";
import { ones, range, tidy } from "@tensorflow/tfjs-core";
import type { BlockFactory, BlockOptions } from "./block.js";
import { add, type Connect } from "./connect.js";
import { identityShift } from "./identityShift.js";
import {
  checkSpikes,
  makeConstant,
  named,
  type PathChildren,
  residualPath,
  runUnits,
  shortcutPath,
} from "./residualPath.js";

/** A SEW block: the units of F, and the shortcut where the shape changes. */
export interface SewBlock extends Module {
  readonly children: PathChildren<"neurons"> & { readonly shortcut?: ConvNormNeuron };
}

/**
 * The Spike-Element-Wise block: `O[t] = g(A[t], S[t])` with `A[t] = SN(F(S[t]))` (Eq. 9), where F is
 * conv3x3-BN-SN-conv3x3-BN, or the bottleneck conv1x1-BN-SN-conv3x3-BN-SN-conv1x1-BN.
 *
 * With `zeroInit` it is an identity for every neuron model, and passes gradients unchanged (Eq. 11): its last norm starts
 * with weight 0 and the bias of {@link identityShift}.
 *
 * `[T, N, H, W, channels] → [T, N, H', W', outChannels]`. Children: the conv-norm-neuron units `a`, `b` and, in a
 * bottleneck, `c`, the last of which makes A; and, where the shape changes, `shortcut`, conv1x1-BN-SN, whose output then
 * takes the place of S (Fig. 2).
 *
 * @param connect g: `add`, `and`, `iand`, or a function of your own
 * Neurons may emit counts where g is not below 0 for them: then A, and not S alone, may be more than 1.
 *
 * @throws RangeError when a size is not a positive integer, a bottleneck's `outChannels` no multiple of 4, or g and the
 *   neurons do not fit: neurons that emit real numbers, counts with IAND, or, with `zeroInit`, no constant current that makes
 *   the block an identity; and, when called, when g changes the shape
 *
 * @example
 * const block = sewBlock(add, { channels: 4, neurons: neurons(integrateAndFire), zeroInit: true });
 * const s = ones([2, 1, 8, 8, 4]);
 * max(abs(sub(block.forward(s, { training: true }), s))).arraySync(); // 0
 */
export function sewBlock(connect: Connect, options: BlockOptions): SewBlock {
  const path = residualPath("neurons", options);
  const shortcut = shortcutPath("neurons", options);
  const children = { ...named(path), ...(shortcut && { shortcut }) };
  checkSpikes("sewBlock", children);
  try {
    checkCounts(connect, path.last.children.neuron);
    if (options.zeroInit) makeConstant(path.last, identityShift(connect, path.last.children.neuron));
  } catch (error) {
    for (const child of Object.values(children)) disposeModule(child);
    throw error;
  }
  return {
    children,
    forward(s, context) {
      const a = runUnits([...path.inner, path.last], s, context);
      const o = connect(a, shortcut ? run(shortcut, s, context) : s);
      if (String(o.shape) !== String(a.shape)) {
        throw new RangeError(`sewBlock: connect must keep the shape [${a.shape}], got [${o.shape}]`);
      }
      return o;
    },
  };
}

/** Throws where neurons emit counts for which g(A, 1) is below 0: IAND's 1 − A is for spikes of 0 and 1 alone. */
function checkCounts(connect: Connect, neurons: Activation): void {
  const emits = emissionOf(neurons);
  if (emits?.kind !== "counts") return;
  const { most } = emits;
  const outputs = tidy(() => connect(range(0, most + 1), ones([most + 1])).dataSync());
  const a = outputs.findIndex((output) => output < 0);
  if (a === -1) return;
  throw new RangeError(
    `sewBlock: connect must not fall below 0 for what the neurons emit, 0 to ${most}, got g(${a}, 1) = ${outputs[a]}; use ADD or AND`,
  );
}

/** SEW blocks with the given g, for a model that takes a {@link BlockFactory}. */
export function sew(connect: Connect): BlockFactory {
  return (options) => sewBlock(connect, options);
}

/**
 * The ReLU-before-addition (RBA) block of an ANN: `Y = ReLU(F(X)) + X` (Eq. 10), a {@link sewBlock} that adds, with ReLU
 * in the place of neurons. Its output never falls below X and grows with depth; spikes are bounded where ReLU is not.
 *
 * @example
 * const block = rbaBlock({ channels: 4 });
 * block.forward(ones([1, 1, 8, 8, 4]), evaluation).shape; // [1, 1, 8, 8, 4]
 */
export function rbaBlock(options: Omit<BlockOptions, "neurons">): SewBlock {
  return sewBlock(add, { ...options, neurons: relus() });
}
