/** @file What every block is told. */
import type { Module, Random, SpikingFactory } from "@sew/layers";

/** Options of every block. */
export interface BlockOptions {
  /** Channels in and out; the shortcut needs them equal. */
  readonly channels: number;
  /** Makes each of the block's neuron layers. */
  readonly neurons: SpikingFactory;
  /** Source of the initial weights. */
  readonly random?: Random;
}

/** Makes a block: what a model takes so that it can be built of any kind. */
export type BlockFactory = (options: BlockOptions) => Module;
