import { convNormNeuron, type Module, seeded, sequential } from "@sew/layers";
import type { BlockOptions } from "./block.js";

/**
 * The Plain block: `O[t] = SN(F(S[t]))`, conv3x3-BN-SN-conv3x3-BN-SN, a SEW block without its shortcut.
 *
 * `[T, N, H, W, channels] → [T, N, H, W, channels]`. Children: `a` and `b`.
 *
 * @example
 * const block = plainBlock({ channels: 4, neurons: ifNeurons() });
 * block.forward(ones([2, 1, 8, 8, 4]), evaluation).shape; // [2, 1, 8, 8, 4]
 */
export function plainBlock({ channels, neurons, random = seeded(0) }: BlockOptions): Module {
  return sequential({
    a: convNormNeuron(channels, channels, neurons, { random }),
    b: convNormNeuron(channels, channels, neurons, { random }),
  });
}
