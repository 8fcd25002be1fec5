import { add, type BlockFactory, sew } from "@sew/blocks";
import {
  convNormNeuron,
  flatten,
  linear,
  type Module,
  maxPool2d,
  plifNeurons,
  type Random,
  type SpikingFactory,
  seeded,
  sequential,
} from "@sew/layers";

/** Options of the networks for event cameras. */
export interface EventNetOptions {
  /** Classes to tell apart. */
  readonly classes: number;
  /** Height and width of the frames. */
  readonly height: number;
  readonly width: number;
  /** Channels of the frames: 2 polarities. */
  readonly inChannels?: number;
  /** Makes each residual block; SEW ADD unless given. */
  readonly block?: BlockFactory;
  /** Makes each neuron layer; PLIF starting at τ = 2 unless given. */
  readonly neurons?: SpikingFactory;
  /** Kernel of the convolutions that change the channel count: 3 in the paper, 1 in its code. */
  readonly stemKernel?: number;
  /** Seed of the initial weights. */
  readonly seed?: number;
}

/** A row of blocks of one width, each followed by max pooling 2x2. */
export interface Stage {
  readonly channels: number;
  readonly blocks: number;
}

/**
 * `{c⟨channels⟩k3s1-BN-SN-{Block(c⟨channels⟩)-MPk2s2}*⟨blocks⟩}-FC⟨classes⟩`, one `{...}` for each stage.
 *
 * Frames `[T, N, H, W, 2] →` class scores `[T, N, classes]`; average them over T to classify.
 *
 * @throws RangeError when the frames are too small for the number of poolings
 *
 * @example
 * const net = eventNet([{ channels: 4, blocks: 2 }], { classes: 3, height: 8, width: 8 });
 * net.forward(zeros([2, 1, 8, 8, 2]), evaluation).shape; // [2, 1, 3]
 */
export function eventNet(stages: readonly Stage[], options: EventNetOptions): Module {
  const { classes, height, width, inChannels = 2, stemKernel = 3, seed = 0 } = options;
  const { block = sew(add), neurons = plifNeurons() } = options;
  const pools = stages.reduce((sum, { blocks }) => sum + blocks, 0);
  if (Math.min(height, width) < 2 ** pools) {
    throw new RangeError(
      `eventNet: height and width must be at least ${2 ** pools} for ${pools} poolings, got ${height} x ${width}`,
    );
  }
  const random: Random = seeded(seed);
  const layers: Record<string, Module> = {};
  let index = 0;
  let channels = inChannels;
  for (const [s, stage] of stages.entries()) {
    layers[`stem${s}`] = convNormNeuron(channels, stage.channels, neurons, { kernel: stemKernel, random });
    channels = stage.channels;
    for (let b = 0; b < stage.blocks; b++, index++) {
      layers[`block${index}`] = block({ channels, neurons, random });
      layers[`pool${index}`] = maxPool2d(2);
    }
  }
  layers.flatten = flatten();
  layers.classifier = linear(channels * (height >> pools) * (width >> pools), classes, { random });
  return sequential(layers);
}

/**
 * 7B-Net, the paper's network for DVS128 Gesture: `c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11`, 0.13 M parameters
 * at 128x128.
 *
 * @example
 * countParameters(sevenBNet({ classes: 11, height: 128, width: 128 })); // 130938
 */
export function sevenBNet(options: EventNetOptions): Module {
  return eventNet([{ channels: 32, blocks: 7 }], options);
}

/**
 * Wide-7B-Net, the paper's network for CIFAR10-DVS:
 * `c64k3s1-BN-PLIF-{SEW(c64)-MPk2s2}*4-c128k3s1-BN-PLIF-{SEW(c128)-MPk2s2}*3-FC10`, 1.19 M parameters with the
 * code's 1x1 stems.
 *
 * @example
 * countParameters(wideSevenBNet({ classes: 10, height: 128, width: 128, stemKernel: 1 })); // 1192218
 */
export function wideSevenBNet(options: EventNetOptions): Module {
  return eventNet(
    [
      { channels: 64, blocks: 4 },
      { channels: 128, blocks: 3 },
    ],
    options,
  );
}
