/**
 * @file The ResNets of the ImageNet experiments, in every block family.
 *
 * W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, section 5.1; the depths are those of
 * K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Table 1.
 */
import { shown } from "@sew/kernels";
import {
  type Activation,
  type ConvNormNeuron,
  checkInteger,
  convNormNeuron,
  globalAvgPool2d,
  kaimingNormal,
  type Linear,
  linear,
  type Module,
  maxPool2d,
  recomputed,
  run,
  type Sequential,
  seeded,
  sequential,
} from "@sew/layers";
import { checkSeed, random } from "@sew/random";
import { concat } from "@tensorflow/tfjs-core";
import { type Family, families } from "./families.js";

/** Blocks in each of the four stages, by depth, and the path of their F. */
const depths = {
  18: { blocks: [2, 2, 2, 2], path: "basic" },
  34: { blocks: [3, 4, 6, 3], path: "basic" },
  50: { blocks: [3, 4, 6, 3], path: "bottleneck" },
  101: { blocks: [3, 4, 23, 3], path: "bottleneck" },
  152: { blocks: [3, 8, 36, 3], path: "bottleneck" },
} as const;

/** Layers of a ResNet with weights: those on the longest path. */
export type ResNetDepth = keyof typeof depths;

/** Every {@link ResNetDepth}, in ascending order. */
export const resNetDepths: readonly ResNetDepth[] = Object.keys(depths).map(Number) as ResNetDepth[];

/** Options of {@link resNet}. */
export interface ResNetOptions extends Partial<Family> {
  /** Classes to tell apart. @defaultValue 1000 */
  readonly classes?: number;
  /** Channels of the images. @defaultValue 3 */
  readonly inChannels?: number;
  /**
   * Computes the stem's convolution and norm once for an image `[1, N, H, W, C]` and repeats their result for so many
   * steps, as the authors' code does. In evaluation that is the same for a T-th of the cost; in training the norm's
   * statistics are those of the image. @defaultValue every step has an image of its own
   */
  readonly stemOnceFor?: number;
  /** Whether every block starts as an identity; see the blocks. @defaultValue false */
  readonly zeroInit?: boolean;
  /**
   * Whether the backward pass computes all but the spikes again: the same gradients for less memory and more time.
   * @defaultValue false
   */
  readonly recompute?: boolean;
  /** Seed of the initial weights. @defaultValue 0 */
  readonly seed?: number;
}

/** The stem: conv7x7/2, norm and neurons. */
export type Stem = Module & { readonly children: ConvNormNeuron<Activation>["children"] };

/** A residual network of four stages. */
export type ResNet = Sequential<{
  readonly stem: Stem;
  readonly pool: Module;
  readonly stage1: Sequential;
  readonly stage2: Sequential;
  readonly stage3: Sequential;
  readonly stage4: Sequential;
  readonly average: Module;
  readonly classifier: Linear;
}>;

/**
 * ResNet-18, 34, 50, 101 or 152: conv7x7/2-BN-SN-MPk3s2, four stages of blocks with 64, 128, 256 and 512 channels (four
 * times as many out of bottlenecks), global average pooling, and a linear classifier.
 *
 * Images `[T, N, H, W, C] →` class scores `[T, N, classes]`; average them over T to classify. A static image is given at
 * every step, or once with `stemOnceFor`. The weights of the convolutions start from Kaiming normal (fan_out).
 *
 * Children: `stem`, `pool`, `stage1.block0`, …, `average`, `classifier`.
 *
 * @param depth layers with weights
 * @param options a family, such as `families["sew-add"]` (which is also the default), and what differs from it
 * @throws RangeError when there is no ResNet of that depth, or a size is not a positive integer
 *
 * @example
 * const net = resNet(18, { ...families["sew-iand"], classes: 10, stemOnceFor: 4 });
 * countParameters(net); // 11181642
 */
export function resNet(depth: ResNetDepth, options: ResNetOptions = {}): ResNet {
  const { block, neurons, norm } = { ...families["sew-add"], ...options } as Family;
  const { classes = 1000, inChannels = 3, stemOnceFor, zeroInit = false, recompute = false, seed = 0 } = options;
  if (!Object.hasOwn(depths, depth)) {
    throw new RangeError(`resNet: depth must be one of ${resNetDepths.join(", ")}, got ${shown(depth)}`);
  }
  if (stemOnceFor !== undefined) checkInteger("resNet", "stemOnceFor", stemOnceFor, 1);
  // Nothing is made before all is known to fit.
  checkInteger("resNet", "classes", classes, 1);
  checkInteger("resNet", "inChannels", inChannels, 1);
  checkSeed("resNet", seed);
  // Neurons and blocks of one's own may make layers without `random`.
  return seeded(seed, build);

  function build(): ResNet {
    const { blocks, path } = depths[depth];
    const shared = { random: random(seed), init: kaimingNormal, ...(norm && { norm }) };
    const unit = convNormNeuron(inChannels, 64, neurons, { ...shared, kernel: 7, stride: 2 });
    const stem = stemOnceFor === undefined ? unit : repeated(unit, stemOnceFor);
    let channels = 64;
    const stage = (s: number): Sequential => {
      const outChannels = 64 * 2 ** s * (path === "bottleneck" ? 4 : 1);
      const stageBlocks: Record<string, Module> = {};
      for (let b = 0; b < blocks[s]!; b++) {
        const stride = b === 0 && s > 0 ? 2 : 1;
        stageBlocks[`block${b}`] = block({
          ...shared,
          channels,
          outChannels,
          stride,
          path,
          neurons,
          zeroInit,
          recompute,
        });
        channels = outChannels;
      }
      return sequential(stageBlocks);
    };
    return sequential({
      stem: recompute ? recomputed(stem) : stem,
      pool: maxPool2d(3, { stride: 2, padding: 1 }),
      stage1: stage(0),
      stage2: stage(1),
      stage3: stage(2),
      stage4: stage(3),
      average: globalAvgPool2d(),
      classifier: linear(channels, classes, shared),
    });
  }
}

/** The stem whose convolution and norm see the one image, and whose neurons see their result at every step. */
function repeated({ children }: ConvNormNeuron, steps: number): Stem {
  const { conv, norm, neuron } = children;
  return {
    children,
    forward(x, context) {
      if (x.rank === 5 && x.shape[0] !== 1) {
        throw new RangeError(`resNet: x must have 1 time-step with stemOnceFor, got [${x.shape}]`);
      }
      const once = run(norm, run(conv, x, context), context);
      const every = concat(Array.from({ length: steps }, () => once));
      return run(neuron, every, context);
    },
  };
}
