/** @file The networks of the paper that its notation describes. */
import type { BlockFactory } from "@sew/blocks";
import { type ActivationFactory, checkInteger, type Sequential } from "@sew/layers";
import { type NetworkOptions, network } from "./network.js";

/** Options of the paper's networks. */
export interface PaperNetOptions {
  /** Classes to tell apart. */
  readonly classes: number;
  /** Height and width of the frames, in pixels. */
  readonly height: number;
  readonly width: number;
  /** Channels of the frames. @defaultValue 2, the polarities; 3 colours in {@link cifar10Net} */
  readonly inChannels?: number;
  /** Makes each neuron layer. @defaultValue those of the notation */
  readonly neurons?: ActivationFactory;
  /** Seed of the initial weights. @defaultValue 0 */
  readonly seed?: number;
  /**
   * Whether the backward pass computes all but the spikes again: the same gradients for less memory and more time.
   * @defaultValue false
   */
  readonly recompute?: boolean;
}

/** Options of the networks of residual blocks. */
export interface BlockNetOptions extends PaperNetOptions {
  /** Makes each residual block. @defaultValue SEW ADD */
  readonly block?: BlockFactory;
}

/** Options of {@link sevenBNet} and {@link wideSevenBNet}. */
export interface SevenBNetOptions extends BlockNetOptions {
  /** Kernel of the convolutions that change the channel count: 3 in the paper, 1 in its code. @defaultValue 3 */
  readonly stemKernel?: number;
}

/** Options of {@link plifNet}. */
export interface PlifNetOptions extends PaperNetOptions {
  /** Convolutions, each with a pooling: 5 for DVS128 Gesture, 4 for CIFAR10-DVS. @defaultValue 5 */
  readonly stages?: number;
}

/**
 * 7B-Net, the paper's network for DVS128 Gesture: `c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11`, 0.13 M parameters
 * at 128x128.
 *
 * @example
 * countParameters(sevenBNet({ classes: 11, height: 128, width: 128 })); // 130938
 */
export function sevenBNet({ classes, stemKernel: k = 3, neurons, ...rest }: SevenBNetOptions): Sequential {
  checkSizes("sevenBNet", { classes, stemKernel: k });
  return network(`c32k${k}s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC${classes}`, named("PLIF", neurons, rest));
}

/**
 * Wide-7B-Net, the paper's network for CIFAR10-DVS:
 * `c64k3s1-BN-PLIF-{SEW(c64)-MPk2s2}*4-c128k3s1-BN-PLIF-{SEW(c128)-MPk2s2}*3-FC10`, 1.19 M parameters at 128x128 with
 * the code's 1x1 stems (1 258 778 with the paper's).
 *
 * @example
 * countParameters(wideSevenBNet({ classes: 10, height: 128, width: 128, stemKernel: 1 })); // 1192218
 */
export function wideSevenBNet({ classes, stemKernel: k = 3, neurons, ...rest }: SevenBNetOptions): Sequential {
  checkSizes("wideSevenBNet", { classes, stemKernel: k });
  const notation = `c64k${k}s1-BN-PLIF-{SEW(c64)-MPk2s2}*4-c128k${k}s1-BN-PLIF-{SEW(c128)-MPk2s2}*3-FC${classes}`;
  return network(notation, named("PLIF", neurons, rest));
}

/**
 * The paper's network for CIFAR-10 (A.5), images of 3 channels: `c32k3s1-BN-IF-{{SEW(c32)}*2-MPk2s2}*5-FC10`.
 *
 * @example
 * countParameters(cifar10Net({ classes: 10, height: 32, width: 32 })); // 186858
 */
export function cifar10Net({ classes, neurons, ...rest }: BlockNetOptions): Sequential {
  checkSizes("cifar10Net", { classes });
  return network(
    `c32k3s1-BN-IF-{{SEW(c32)}*2-MPk2s2}*5-FC${classes}`,
    named("IF", neurons, { inChannels: 3, ...rest }),
  );
}

/**
 * The PLIF net that the paper compares with, ten neurons voting for each class:
 * `{c128k3s1-BN-PLIF-MPk2s2}*5-DP-FC512-PLIF-DP-FC110-PLIF-APk10s10`, 1.70 M parameters at 128x128 and 11 classes.
 *
 * W. Fang et al., "Incorporating Learnable Membrane Time Constant to Enhance Learning of Spiking Neural Networks", ICCV
 * 2021.
 *
 * @example
 * countParameters(plifNet({ classes: 11, height: 128, width: 128 })); // 1698933
 * countParameters(plifNet({ classes: 10, height: 128, width: 128, stages: 4 })); // 4691818
 */
export function plifNet({ classes, stages = 5, neurons, ...rest }: PlifNetOptions): Sequential {
  checkSizes("plifNet", { classes, stages });
  const notation = `{c128k3s1-BN-PLIF-MPk2s2}*${stages}-DP-FC512-PLIF-DP-FC${10 * classes}-PLIF-APk10s10`;
  return network(notation, named("PLIF", neurons, rest));
}

/**
 * The LIF net that the paper compares with: `MPk4-c64k3-LIF-c128k3-LIF-APk2-c128k3-LIF-APk2-FC256-LIF-FC11`, 2.32 M
 * parameters at 128x128.
 *
 * @example
 * countParameters(lifNet({ classes: 11, height: 128, width: 128 })); // 2322891
 */
export function lifNet({ classes, neurons, ...rest }: PaperNetOptions): Sequential {
  checkSizes("lifNet", { classes });
  const notation = `MPk4-c64k3-LIF-c128k3-LIF-APk2-c128k3-LIF-APk2-FC256-LIF-FC${classes}`;
  return network(notation, named("LIF", neurons, rest));
}

/** Throws unless the sizes that are written into a notation are positive integers. */
function checkSizes(where: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(sizes)) checkInteger(where, name, value, 1);
}

/** The options of a network with other neurons of this name and other SEW blocks, where there are any. */
function named(
  name: string,
  neurons: ActivationFactory | undefined,
  {
    block,
    ...rest
  }: Pick<NetworkOptions, "height" | "width" | "inChannels" | "seed" | "recompute"> & {
    readonly block?: BlockFactory;
  },
): NetworkOptions {
  return { ...rest, ...(neurons && { neurons: { [name]: neurons } }), ...(block && { blocks: { SEW: block } }) };
}
