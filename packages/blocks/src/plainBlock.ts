import { type Sequential, sequential } from "@sew/layers";
import type { BlockOptions } from "./block.js";
import { checkSpikes, named, type PathChildren, residualPath } from "./residualPath.js";

/**
 * The Plain block: `O[t] = SN(F(S[t]))`, a SEW block without its shortcut: conv3x3-BN-SN-conv3x3-BN-SN.
 *
 * `[T, N, H, W, channels] → [T, N, H', W', outChannels]`. Children: the conv-norm-neuron units `a`, `b` and, in a
 * bottleneck, `c`.
 *
 * @throws RangeError when asked for `zeroInit`: nothing passes by F, so that no F makes it an identity; and when the neurons
 *   emit real numbers
 *
 * @example
 * const block = plainBlock({ channels: 4, neurons: neurons(integrateAndFire) });
 * block.forward(ones([2, 1, 8, 8, 4]), evaluation).shape; // [2, 1, 8, 8, 4]
 */
export function plainBlock(options: BlockOptions): Sequential<PathChildren<"neurons">> {
  if (options.zeroInit) {
    throw new RangeError("plainBlock: zeroInit must be false, got true; a block without a shortcut has no identity");
  }
  const children = named(residualPath("neurons", options));
  checkSpikes("plainBlock", children);
  return sequential(children);
}
