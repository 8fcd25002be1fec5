import { batchNorm, conv2d, convNormNeuron, type Module, run, seeded } from "@sew/layers";
import { add } from "@tensorflow/tfjs-core";
import type { BlockOptions } from "./block.js";

/**
 * The Spiking ResNet's basic block: `O[t] = SN(F(S[t]) + S[t])` (Eq. 7), where F is conv3x3-BN-SN-conv3x3-BN.
 *
 * The spike after the sum is what keeps it from being an identity: it is the baseline that SEW blocks replace.
 *
 * `[T, N, H, W, channels] → [T, N, H, W, channels]`. Children: `a`, `conv`, `norm` and `neuron`.
 *
 * @example
 * const block = spikingBlock({ channels: 4, neurons: ifNeurons() });
 * block.forward(ones([2, 1, 8, 8, 4]), evaluation).shape; // [2, 1, 8, 8, 4]
 */
export function spikingBlock({ channels, neurons, random = seeded(0) }: BlockOptions): Module {
  const a = convNormNeuron(channels, channels, neurons, { random });
  const conv = conv2d(channels, channels, { random });
  const norm = batchNorm(channels);
  const neuron = neurons();
  return {
    children: { a, conv, norm, neuron },
    forward(s, context) {
      const f = run(norm, run(conv, run(a, s, context), context), context);
      return run(neuron, add(f, s), context);
    },
  };
}
