import type { ActivationFactory, Initializer, Module, NormFactory } from "@sew/layers";
import type { Random } from "@sew/random";

/** Options shared by all blocks. */
export interface BlockOptions {
  /** Channels in. */
  readonly channels: number;
  /** Channels out. @defaultValue `channels` */
  readonly outChannels?: number;
  /** Stride of the block's first 3x3 convolution, in pixels. @defaultValue 1 */
  readonly stride?: number;
  /**
   * Convolutions of F: `"basic"` is 3x3, 3x3; `"bottleneck"` is 1x1, 3x3, 1x1 with a quarter of the channels inside.
   * @defaultValue `"basic"`
   */
  readonly path?: "basic" | "bottleneck";
  /** Makes each of the block's neuron layers. */
  readonly neurons: ActivationFactory;
  /** Makes the neurons that close the block: those behind F, or behind the sum. @defaultValue `neurons` */
  readonly lastNeurons?: ActivationFactory;
  /** Makes each of the block's norms. @defaultValue `batchNorm` */
  readonly norm?: NormFactory;
  /** Whether the block starts as an identity (or as its shortcut, where it changes the shape). @defaultValue false */
  readonly zeroInit?: boolean;
  /**
   * Whether the block saves its spikes alone for the backward pass, and computes currents again there: the same gradients
   * for less memory and more time. @defaultValue false
   */
  readonly recompute?: boolean;
  /** Random numbers of the initial weights. @defaultValue a stream for each layer; see `seeded` */
  readonly random?: Random;
  /** Draws the initial weights of the convolutions. @defaultValue `fanInUniform` */
  readonly init?: Initializer;
}

/** Makes a block: a model that receives one can be built of any kind. */
export type BlockFactory = (options: BlockOptions) => Module;
