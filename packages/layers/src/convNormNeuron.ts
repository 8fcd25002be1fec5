import type { ActivationFactory } from "./activation.js";
import { type ConvNorm, type ConvNormOptions, convNorm } from "./convNorm.js";
import { run } from "./module.js";
import { normNeuron } from "./normNeuron.js";
import { recomputed } from "./recompute.js";

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
  neurons: ActivationFactory,
  options: ConvNormOptions = {},
): ConvNorm {
  const { recompute = false, ...rest } = options;
  const { conv, norm } = convNorm(inChannels, outChannels, rest).children;
  const neuron = neurons();
  const unit: ConvNorm = {
    children: { conv, norm, neuron },
    forward: (x, context) => normNeuron(norm, neuron, run(conv, x, context), context),
  };
  return recompute ? recomputed(unit) : unit;
}
