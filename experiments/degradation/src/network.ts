/** @file A residual network of two stages for 32 x 32 images, of any even number of blocks. */
import { convNormNeuron, globalAvgPool2d, linear, type Module, maxPool2d, overTime, sequential } from "@sew/layers";
import type { Family } from "@sew/models";
import { random } from "@sew/random";

/** Options of {@link twoStages}. */
export interface TwoStagesOptions {
  /** Residual blocks, half of them in each stage; even. */
  readonly blocks: number;
  readonly inChannels: number;
  readonly classes: number;
  /** Time-steps of a still image. */
  readonly steps: number;
  readonly zeroInit: boolean;
  /** Whether the backward pass computes currents again. @defaultValue `false` */
  readonly recompute?: boolean;
  readonly seed: number;
}

/**
 * conv3x3/2-BN-SN-MPk2s2, two stages of basic blocks with 8 and 16 channels, the second of which halves height and width,
 * global average pooling, and a linear classifier.
 */
export function twoStages(
  { block, neurons }: Family,
  { blocks, inChannels, classes, steps, zeroInit, recompute = false, seed }: TwoStagesOptions,
): Module {
  const rng = random(seed);
  const stage = (channels: number, outChannels: number, stride: number): Module =>
    sequential(
      Object.fromEntries(
        Array.from({ length: blocks / 2 }, (_, i) => [
          `block${i}`,
          block({
            channels: i === 0 ? channels : outChannels,
            outChannels,
            stride: i === 0 ? stride : 1,
            neurons,
            zeroInit,
            recompute,
            random: rng,
          }),
        ]),
      ),
    );
  return overTime(
    sequential({
      stem: convNormNeuron(inChannels, 8, neurons, { kernel: 3, stride: 2, random: rng }),
      pool: maxPool2d(2),
      stage1: stage(8, 8, 1),
      stage2: stage(8, 16, 2),
      average: globalAvgPool2d(),
      classifier: linear(16, classes, { random: rng }),
    }),
    steps,
  );
}
