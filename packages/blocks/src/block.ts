/** @file What every block is told. */
import type { ActivationFactory, Initializer, Module, NormFactory, Random } from "@sew/layers";

/** Options of every block. */
export interface BlockOptions {
  /** Channels in. */
  readonly channels: number;
  /** Channels out; those in, unless given. */
  readonly outChannels?: number;
  /** Stride of the block's first 3x3 convolution. */
  readonly stride?: number;
  /** Convolutions of F: `"basic"` is 3x3, 3x3; `"bottleneck"` is 1x1, 3x3, 1x1 with a quarter of the channels inside. */
  readonly path?: "basic" | "bottleneck";
  /** Makes each of the block's neuron layers. */
  readonly neurons: ActivationFactory;
  /** Makes each of the block's norms; batch norm unless given. */
  readonly norm?: NormFactory;
  /** Whether the block starts as an identity (or as its shortcut, where it changes the shape). */
  readonly zeroInit?: boolean;
  /**
   * Whether to keep nothing of the block but spikes for the way back, and to compute currents again there: the same
   * gradients for less memory and more time.
   */
  readonly recompute?: boolean;
  /** Source of the initial weights. */
  readonly random?: Random;
  /** Draws the initial weights of the convolutions. */
  readonly init?: Initializer;
}

/** Makes a block: what a model takes so that it can be built of any kind. */
export type BlockFactory = (options: BlockOptions) => Module;
