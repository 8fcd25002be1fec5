import { type Activation, type ConvNorm, type Module, recomputing, relus, run, type Stretch } from "@sew/layers";
import { add, type Tensor } from "@tensorflow/tfjs-core";
import type { BlockOptions } from "./block.js";
import {
  checkSpikes,
  makeConstant,
  named,
  type PathChildren,
  residualPath,
  runUnits,
  shortcutPath,
} from "./residualPath.js";

/** A block of the Spiking ResNet: the units of F, the neurons after the sum, and the shortcut where the shape changes. */
export interface SpikingBlock extends Module {
  readonly children: PathChildren<"sum"> & { readonly neuron: Activation; readonly shortcut?: ConvNorm };
}

/**
 * The Spiking ResNet's block: `O[t] = SN(F(S[t]) + S[t])` (Eq. 7), where F is conv3x3-BN-SN-conv3x3-BN, or the bottleneck
 * conv1x1-BN-SN-conv3x3-BN-SN-conv1x1-BN.
 *
 * The spike after the sum is what keeps it from being an identity: with F = 0 (`zeroInit`) it is SN(S), which copies S for
 * IF neurons with 0 < V_th ≤ 1 and for hardly any others. It is the baseline that SEW blocks replace.
 *
 * `[T, N, H, W, channels] → [T, N, H', W', outChannels]`. Children: the units `a`, `b` and, in a bottleneck, `c` of F;
 * `neuron`; and, where the shape changes, `shortcut`, conv1x1-BN (Fig. 2).
 *
 * @throws RangeError when a size is not a positive integer, a bottleneck's `outChannels` no multiple of 4, or the neurons
 *   emit real numbers
 *
 * @example
 * const block = spikingBlock({ channels: 4, outChannels: 8, stride: 2, neurons: neurons(integrateAndFire) });
 * block.forward(ones([2, 1, 8, 8, 4]), evaluation).shape; // [2, 1, 4, 4, 8]
 */
export function spikingBlock(options: BlockOptions): SpikingBlock {
  const path = residualPath("sum", options);
  const { last } = path;
  const neuron = (options.lastNeurons ?? options.neurons)(options.outChannels ?? options.channels);
  const shortcut = shortcutPath("sum", options);
  const children = { ...named(path), neuron, ...(shortcut && { shortcut }) };
  checkSpikes("spikingBlock", children);
  if (options.zeroInit) makeConstant(last, 0);
  // From the spikes before the last unit to those after the sum: the currents of both paths are one stretch.
  const fire: Stretch<readonly [x: Tensor, s: Tensor]> = ([x, s], context) => {
    const f = run(last, x, context);
    return run(neuron, add(f, shortcut ? run(shortcut, s, context) : s), context);
  };
  const fired = options.recompute ? recomputing([last, neuron, ...(shortcut ? [shortcut] : [])], fire) : fire;
  return {
    children,
    forward: (s, context) => fired([runUnits(path.inner, s, context), s], context),
  };
}

/**
 * The ANN's basic block and bottleneck: `Y = ReLU(F(X) + X)` (Eq. 6), a {@link spikingBlock} with ReLU in the place of
 * neurons.
 *
 * @example
 * const block = annBlock({ channels: 4 });
 * block.forward(ones([1, 1, 8, 8, 4]), evaluation).shape; // [1, 1, 8, 8, 4]
 */
export function annBlock(options: Omit<BlockOptions, "neurons">): SpikingBlock {
  return spikingBlock({ ...options, neurons: relus() });
}
