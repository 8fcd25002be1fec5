/**
 * @file The ResNets of the ImageNet experiments, in every block family.
 *
 * W. Fang et al., "Deep Residual Learning in Spiking Neural Networks", NeurIPS 2021, section 5.1; the depths are those of
 * K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Table 1.
 */
import { add, and, annBlock, type BlockFactory, iand, plainBlock, rbaBlock, sew, spikingBlock } from "@sew/blocks";
import {
  type ActivationFactory,
  type ConvNorm,
  convNormNeuron,
  globalAvgPool2d,
  ifNeurons,
  kaimingNormal,
  linear,
  type Module,
  maxPool2d,
  type NormFactory,
  recomputed,
  relus,
  run,
  seeded,
  sequential,
  tdNorms,
} from "@sew/layers";
import { concat } from "@tensorflow/tfjs-core";

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

/** What distinguishes one family of ResNets from another. */
export interface ResNetFamily {
  /** Makes each block. */
  readonly block: BlockFactory;
  /** Makes each layer of neurons (or of ReLU). */
  readonly neurons: ActivationFactory;
  /** Makes each norm; batch norm unless given. */
  readonly norm?: NormFactory;
}

/** The families that the paper compares, with its neurons: IF, V_th = 1, hard detached reset, ArcTan α = 2. */
export const families = {
  /** Eq. 6, the ANN. */
  ann: { block: annBlock, neurons: relus() },
  /** Eq. 10, the ANN of ReLU-before-addition blocks. */
  rba: { block: rbaBlock, neurons: relus() },
  /** Eq. 7. */
  spiking: { block: spikingBlock, neurons: ifNeurons() },
  /** Eq. 9 with g = ADD. */
  "sew-add": { block: sew(add), neurons: ifNeurons() },
  /** Eq. 9 with g = AND. */
  "sew-and": { block: sew(and), neurons: ifNeurons() },
  /** Eq. 9 with g = IAND. */
  "sew-iand": { block: sew(iand), neurons: ifNeurons() },
  /** No shortcuts. */
  plain: { block: plainBlock, neurons: ifNeurons() },
  /** Eq. 7 with threshold-dependent batch norm, in the shortcuts too (Zheng et al., AAAI 2021). */
  "td-bn": { block: spikingBlock, neurons: ifNeurons(), norm: tdNorms() },
} as const satisfies Record<string, ResNetFamily>;

/** Options of {@link resNet}. */
export interface ResNetOptions extends Partial<ResNetFamily> {
  /** Classes to tell apart; 1000 unless given. */
  readonly classes?: number;
  /** Channels of the images; 3 unless given. */
  readonly inChannels?: number;
  /**
   * Computes the stem's convolution and norm once for an image `[1, N, H, W, C]` and repeats their result for so many
   * steps, as the authors' code does. In evaluation that is the same for a T-th of the cost; in training the norm's
   * statistics are those of the image.
   */
  readonly stemOnceFor?: number;
  /** Whether every block starts as an identity; see the blocks. */
  readonly zeroInit?: boolean;
  /** Whether to keep nothing but spikes for the way back: the same gradients for less memory and more time. */
  readonly recompute?: boolean;
  /** Seed of the initial weights. */
  readonly seed?: number;
}

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
 * @throws RangeError when there is no ResNet of that depth
 *
 * @example
 * const net = resNet(18, { ...families["sew-iand"], classes: 10, stemOnceFor: 4 });
 * countParameters(net); // 11181642
 */
export function resNet(depth: ResNetDepth, options: ResNetOptions = {}): Module {
  const { block, neurons, norm } = { ...families["sew-add"], ...options } as ResNetFamily;
  const { classes = 1000, inChannels = 3, stemOnceFor, zeroInit = false, recompute = false, seed = 0 } = options;
  if (!Object.hasOwn(depths, depth)) {
    throw new RangeError(`resNet: depth must be one of ${Object.keys(depths).join(", ")}, got ${depth}`);
  }
  if (stemOnceFor !== undefined && !(Number.isInteger(stemOnceFor) && stemOnceFor >= 1)) {
    throw new RangeError(`resNet: stemOnceFor must be an integer of at least 1, got ${stemOnceFor}`);
  }
  const { blocks, path } = depths[depth];
  const shared = { random: seeded(seed), init: kaimingNormal, ...(norm && { norm }) };
  const unit = convNormNeuron(inChannels, 64, neurons, { ...shared, kernel: 7, stride: 2 });
  const stem = stemOnceFor === undefined ? unit : repeated(unit, stemOnceFor);
  let channels = 64;
  const stage = (count: number, s: number): Module => {
    const outChannels = 64 * 2 ** s * (path === "bottleneck" ? 4 : 1);
    const made: Record<string, Module> = {};
    for (let b = 0; b < count; b++) {
      const stride = b === 0 && s > 0 ? 2 : 1;
      made[`block${b}`] = block({ ...shared, channels, outChannels, stride, path, neurons, zeroInit, recompute });
      channels = outChannels;
    }
    return sequential(made);
  };
  return sequential({
    stem: recompute ? recomputed(stem) : stem,
    pool: maxPool2d(3, { stride: 2, padding: 1 }),
    ...Object.fromEntries(blocks.map((count, s) => [`stage${s + 1}`, stage(count, s)])),
    average: globalAvgPool2d(),
    classifier: linear(channels, classes, shared),
  });
}

/** The stem whose convolution and norm see the one image, and whose neurons see their result at every step. */
function repeated({ children }: ConvNorm, steps: number): Module {
  const { conv, norm, neuron } = children;
  return {
    children,
    forward(x, context) {
      if (x.rank === 5 && x.shape[0] !== 1) {
        throw new RangeError(`resNet: x must have 1 time-step with stemOnceFor, got [${x.shape}]`);
      }
      const once = run(norm, run(conv, x, context), context);
      const every = concat(Array.from({ length: steps }, () => once));
      return run(neuron!, every, context);
    },
  };
}
