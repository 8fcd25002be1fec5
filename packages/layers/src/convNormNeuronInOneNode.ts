import {
  callKernel,
  convAttrs,
  convGradients,
  floats,
  hasKernel,
  type NeuronFormula,
  normNeuronTrainingKernel,
  oneNode,
  programParameters,
  takesSequences,
} from "@sew/kernels";
import { checkChannels } from "@sew/neurons";
import { Conv2D, type Tensor } from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import type { BatchNorm } from "./batchNorm.js";
import type { Conv2d } from "./conv2d.js";
import { isLastReader } from "./memory/freeAfterUse.js";
import type { Context } from "./module.js";

const { name: FIRE, gradient } = normNeuronTrainingKernel;

/**
 * `SN(BN(Conv(x)))` in training, by the kernels of its parts, called one after the other: the tape has one node instead of one
 * for each. Each large kernel evicts JavaScript's code and objects from the caches, so that whatever runs between two of them
 * takes several times as long as otherwise: less of it does.
 *
 * @returns spikes; undefined where the backend lacks these kernels, and where an observer sees the parts or a memory holds
 *   their state
 */
export function convNormNeuronInOneNode(
  conv: Conv2d,
  norm: BatchNorm,
  { neuron }: Activation,
  x: Tensor,
  { training, observe, memory }: Context,
): Tensor | undefined {
  const { stride, padding, dilation, groups } = conv.geometry;
  const { weight: filter } = conv.parameters;
  if (!training || observe !== undefined || memory !== undefined || neuron?.program === undefined) return undefined;
  if (dilation !== 1 || groups !== 1 || !takesSequences(Conv2D, x, filter)) return undefined;
  const attrs = { ...(neuron as NeuronFormula), epsilon: norm.epsilon, isLastReader };
  if (!hasKernel(normNeuronTrainingKernel, attrs)) return undefined;
  conv.check(x);
  const geometry = convAttrs(stride, padding);
  const { bias: offset } = norm.parameters;
  const scale = norm.scale();
  const parameters = programParameters(neuron).map(floats);
  return oneNode(
    // TensorFlow.js asks for the gradients that it needs alone, in this order.
    { filter, x, scale, offset, ...numbered(parameters) },
    (save) => {
      const currents = callKernel(Conv2D, { x, filter }, geometry)[0]!;
      norm.check(currents, training);
      checkChannels(neuron, currents, offset.size);
      const fired = callKernel(FIRE, [currents, scale, offset, ...parameters], attrs);
      const [spikes, mean, variance] = fired as [Tensor, Tensor, Tensor];
      norm.update(mean, variance, currents.size / offset.size);
      save([x, filter, currents, mean, variance, scale, offset, ...parameters]);
      return spikes;
    },
    (dSpikes, [x, filter, ...rest]) => {
      const isLast = isLastReader(dSpikes);
      const settings = { ...attrs, ownStatistics: true, overwrite: isLast };
      const [dCurrents, ...others] = callKernel(gradient!.name, [...rest, dSpikes], settings);
      // Otherwise they would be in memory until the whole node is done.
      if (isLast) rest[0]!.dispose();
      const [dScale, dOffset, ...dParameters] = others.map((d) => () => d);
      const ofConv = convGradients(x!, filter!, dCurrents!, geometry);
      return {
        filter: ofConv.filter,
        x() {
          const dx = ofConv.x();
          // TensorFlow.js may add to dx before this node is done. The gradient of the currents can be in the memory of that
          // of the spikes.
          dCurrents!.dispose();
          if (isLast && !dSpikes.kept) dSpikes.dispose();
          return dx;
        },
        scale: dScale!,
        offset: dOffset!,
        ...numbered(dParameters),
      };
    },
  );
}

/** The members of a list by the names of inputs. */
function numbered<T>(list: readonly T[]): Record<string, T> {
  return Object.fromEntries(list.map((member, i) => [`parameter${i}`, member]));
}
