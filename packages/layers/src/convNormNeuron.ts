import type { Activation, ActivationFactory } from "./activation.js";
import { type ConvNormNeuron, type ConvNormOptions, convNorm } from "./convNorm.js";
import { convNormNeuronInOneNode } from "./convNormNeuronInOneNode.js";
import { recomputed } from "./memory/recompute.js";
import { disposeModule, run } from "./module.js";
import { normNeuron } from "./normNeuron.js";

/**
 * The unit that these networks consist of: `S = SN(BN(Conv(x)))`, written `c⟨outChannels⟩k⟨kernel⟩s⟨stride⟩-BN-SN`.
 *
 * `[T, N, H, W, inChannels] → [T, N, H', W', outChannels]`, spikes out. Children: `conv`, `norm`, `neuron`.
 *
 * @param neurons makes the neuron layer, such as `neurons(plif)`
 *
 * @example
 * const stem = convNormNeuron(2, 4, neurons(plif), { kernel: 3 });
 * stem.forward(zeros([3, 1, 8, 8, 2]), { training: true }).shape; // [3, 1, 8, 8, 4]
 * stem.children.neuron.parameters.w.shape; // []
 */
export function convNormNeuron<A extends Activation>(
  inChannels: number,
  outChannels: number,
  neurons: ActivationFactory<A>,
  options: ConvNormOptions = {},
): ConvNormNeuron<A> {
  const { recompute = false, ...rest } = options;
  const layers = convNorm(inChannels, outChannels, rest);
  const { conv, norm } = layers.children;
  let neuron: A;
  try {
    neuron = neurons(outChannels);
  } catch (error) {
    disposeModule(layers);
    throw error;
  }
  const unit: ConvNormNeuron<A> = {
    children: { conv, norm, neuron },
    forward: (x, context) =>
      convNormNeuronInOneNode(conv, norm, neuron, x, context) ??
      normNeuron(norm, neuron, run(conv, x, context), context),
  };
  return recompute ? recomputed(unit) : unit;
}
