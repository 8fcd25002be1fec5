import { batchNorm } from "./batchNorm.js";
import { type Conv2dOptions, conv2d } from "./conv2d.js";
import { type Module, run } from "./module.js";
import { normNeuron } from "./normNeuron.js";
import type { SpikingFactory } from "./spiking.js";

/**
 * The unit that these networks are made of: `S = SN(BN(Conv(x)))`, written `c⟨outChannels⟩k⟨kernel⟩s⟨stride⟩-BN-SN`.
 *
 * `[T, N, H, W, inChannels] → [T, N, H', W', outChannels]`, spikes out. Children: `conv`, `norm`, `neuron`.
 *
 * @param neurons makes the neuron layer, such as `plifNeurons()`
 *
 * @example
 * const stem = convNormNeuron(2, 4, plifNeurons(), { kernel: 3 });
 * stem.forward(zeros([3, 1, 8, 8, 2]), { training: true }).shape; // [3, 1, 8, 8, 4]
 */
export function convNormNeuron(
  inChannels: number,
  outChannels: number,
  neurons: SpikingFactory,
  options: Conv2dOptions = {},
): Module {
  const conv = conv2d(inChannels, outChannels, options);
  const norm = batchNorm(outChannels);
  const neuron = neurons();
  return {
    children: { conv, norm, neuron },
    forward: (x, context) => normNeuron(norm, neuron, run(conv, x, context), context),
  };
}
