/** @file What the paper expects of gradients in stretches of blocks that are identities: Eqs. 8 and 11, and appendix A.4. */
import { emissionOf, type Module, type NeuronLayer, namedModules, neuronOf } from "@sew/layers";
import { grad, type Tensor, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { type Block, blocksOf } from "./blocksOf.js";
import type { FiringRates } from "./firingRates.js";
import type { GradientNorms } from "./gradientNorms.js";

/** Θ' at the potentials of an identity, where H is S: of a neuron that stays silent, and of one that fires. */
export interface Slopes {
  /** `Θ'(0 − V_th)`. */
  readonly silent: number;
  /** `Θ'(1 − V_th)`. */
  readonly firing: number;
}

/**
 * The slopes of a layer of neurons, `Θ'(0 − V_th)` and `Θ'(1 − V_th)`, from its own surrogate and threshold.
 *
 * @throws TypeError when V_th is not one number for the layer
 *
 * @example
 * const { silent, firing } = slopesOf(neurons(integrateAndFire)(1));
 * firing; // 1
 * silent.toFixed(3); // "0.092"
 */
export function slopesOf({ neuron: { params, spike } }: NeuronLayer): Slopes {
  const { vThreshold } = params;
  const size = typeof vThreshold === "number" ? 1 : vThreshold.size;
  if (size !== 1) throw new TypeError(`slopesOf: vThreshold must be one number for the layer, got ${size}`);
  const [silent, firing] = tidy(() => {
    const threshold = typeof vThreshold === "number" ? vThreshold : vThreshold.dataSync()[0]!;
    return grad((u: Tensor) => spike(u))(tensor1d([-threshold, 1 - threshold])).arraySync() as [number, number];
  });
  return { silent, firing };
}

/** What {@link slopeProductNorm} depends on. */
export interface SlopeProduct {
  /** k, blocks that the gradient passes; 0 or more. */
  readonly blocks: number;
  /** Φ, the firing rate of S^l, from 0 to 1. */
  readonly rate: number;
  readonly slopes: Slopes;
  /** N, neurons of S^l. @defaultValue 1, which gives the root mean square: the factor of a norm */
  readonly neurons?: number;
  /** T, time-steps. @defaultValue 1 */
  readonly steps?: number;
}

/**
 * Appendix A.4, Eq. 15: the norm of the product of slopes in k blocks of a Spiking ResNet that are identities,
 *
 *     ‖∏_{i<k} Θ'(S^{l+i} − V_th)‖ = √( N T Φ · Θ'(1 − V_th)^{2k} + N T (1 − Φ) · Θ'(0 − V_th)^{2k} )
 *
 * with N neurons, T time-steps and the firing rate Φ of S^l: each of the N T values has passed k slopes at 1 or k at 0. It tends to
 * 0 with k where both slopes are below 1, and to infinity where one is above.
 *
 * @see W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, appendix A.4
 *
 * @example
 * slopeProductNorm({ blocks: 1, rate: 0.25, slopes: { silent: 0.5, firing: 2 }, neurons: 8, steps: 2 }); // 4.358898943540674
 * slopeProductNorm({ blocks: 3, rate: 0.25, slopes: { silent: 0, firing: 1 } }); // 0.5
 */
export function slopeProductNorm({ blocks, rate, slopes, neurons = 1, steps = 1 }: SlopeProduct): number {
  const values = neurons * steps;
  return Math.sqrt(values * (rate * slopes.firing ** (2 * blocks) + (1 - rate) * slopes.silent ** (2 * blocks)));
}

/** The stretches of neighbouring blocks that keep their input's shape: each may be an identity. */
function stretchesOf(model: Module): Block[][] {
  const blocks = new Map(blocksOf(model).map((each) => [each.block, each]));
  const stretches: Block[][] = [];
  const visit = (module: Module): void => {
    let previous: Module | undefined;
    for (const child of Object.values(module.children ?? {})) {
      const block = blocks.get(child);
      const { shortcut, downsample } = child.children ?? {};
      if (block === undefined) visit(child);
      else if (shortcut === undefined && downsample === undefined) {
        if (previous === undefined || previous !== stretches.at(-1)?.at(-1)?.block) stretches.push([]);
        stretches.at(-1)!.push(block);
      }
      previous = child;
    }
  };
  visit(model);
  return stretches;
}

/** A norm that theory expects, beside the one that was measured. */
export interface PredictedNorm {
  /** The stretch of neighbouring identity blocks that the block is in, from 0. */
  readonly stretch: number;
  /** k, blocks from this one to the end of the stretch, itself included. */
  readonly blocks: number;
  /** `‖∂L/∂S^l‖` as predicted. */
  readonly predicted: number;
  /** `‖∂L/∂S^l‖` as measured; absent where S^l is the network's own input. */
  readonly measured?: number;
}

/**
 * What theory expects of `‖∂L/∂S^l‖` in each stretch of blocks that are identities, beside what was measured.
 *
 * With g (SEW) the gradient passes unchanged, `‖∂L/∂S^l‖ = ‖∂L/∂O^{l+k−1}‖` (Eq. 11). In a Spiking ResNet it is, by appendix A.4,
 * `‖∂L/∂O^{l+k−1}‖` times {@link slopeProductNorm} of k blocks, of which we take the root mean square: the appendix
 * multiplies the norms of two vectors of N T values, which is a factor of √(N T) too much for their product element by element.
 *
 * The appendix assumes that gradient and spikes do not depend on each other, and that a neuron's gradient reaches no later time-step.
 * With T = 1 and a uniform gradient the prediction is exact. With more steps a silent neuron passes its gradient on through its
 * potential, and the measured norm is the greater one.
 *
 * Its slopes are those of IF neurons, whose H is S in an identity: of others the equation says nothing.
 *
 * Blocks are neighbours where they follow one another in the same module, have no `shortcut` or `downsample`, and nothing lies between
 * them. Whether they are identities is not checked: build the model with `zeroInit`.
 *
 * @param model the measured model
 * @param rates the result of `firingRates`, of the same pass
 * @param norms the result of `gradientNorms`, of the same pass
 * @returns the norms by the paths of the blocks in stretches
 * @throws RangeError when a Spiking ResNet's block in a stretch has other neurons than IF behind its sum
 *
 * @example
 * const net = network("c2-BN-IF-{Spiking}*2-FC3", { height: 4, width: 4, zeroInit: true });
 * const probes = { rates: firingRateProbe(), norms: gradientNormProbe() };
 * const loss = (scores) => sum(square(scores));
 * const { rates, norms } = await measure(net, ones([1, 1, 4, 4, 2]), probes, { training: true, loss });
 * const { block0, block1 } = predictedNorms(net, rates, norms);
 * [block0.blocks, block1.blocks]; // [2, 1]
 */
export function predictedNorms(
  model: Module,
  rates: FiringRates,
  norms: GradientNorms,
): Readonly<Record<string, PredictedNorm>> {
  const paths = new Map<Module, string>();
  for (const [path, module] of namedModules(model)) if (!paths.has(module)) paths.set(module, path);
  return Object.fromEntries(
    stretchesOf(model).flatMap((stretch, index) => {
      const end = norms[paths.get(stretch.at(-1)!.block)!]?.output.norm ?? Number.NaN;
      return stretch.map(({ block }, i): [string, PredictedNorm] => {
        const path = paths.get(block)!;
        const blocks = stretch.length - i;
        const rate = rates.blocks[path]?.input ?? Number.NaN;
        // The neurons behind the sum, which only a Spiking block has itself.
        const neurons = Object.values(block.children!).find((child) => emissionOf(child) !== undefined);
        const name = neurons && neuronOf(neurons)?.model;
        if (neurons !== undefined && name !== "if") {
          throw new RangeError(
            `predictedNorms: model must have IF neurons behind the sums of Spiking blocks, got ${name ?? "others"} in "${path}"; ` +
              "appendix A.4 has no equation for others",
          );
        }
        const factor =
          neurons === undefined ? 1 : slopeProductNorm({ blocks, rate, slopes: slopesOf(neurons as NeuronLayer) });
        const measured = norms[path]?.input?.norm;
        return [path, { stretch: index, blocks, predicted: end * factor, ...(measured !== undefined && { measured }) }];
      });
    }),
  );
}
