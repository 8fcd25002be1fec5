/** @file What appendix A.4 of the paper expects of the gradients of a Spiking ResNet at zero-init. */
import { slopeProductNorm, slopesOf } from "@sew/analysis";
import type { Measurement } from "./measure.js";
import { neuronsOf } from "./networks.js";
import { gradientsIn, regionsOf } from "./statements.js";

/**
 * ‖∂L/∂Sˡ‖ of each block in a region of identity blocks, from the gradient that comes into the region: `slopeProductNorm` of as many
 * blocks as it passes. The appendix leaves out that a silent neuron's gradient reaches later time-steps, so that more is
 * measured.
 *
 * @returns one number for each block; undefined outside of regions, and of a first block, the rate of whose input is not measured
 */
export function predictedGradients(measurement: Measurement): (number | undefined)[] {
  const { blocks, figure } = measurement;
  const slopes = slopesOf(neuronsOf(figure)(1));
  const predicted = blocks.map((): number | undefined => undefined);
  for (const region of regionsOf(blocks)) {
    const end = gradientsIn(measurement, region).at(-1)!;
    for (let l = Math.max(1, region.first); l <= region.last; l++) {
      predicted[l] = end * slopeProductNorm({ blocks: region.last - l + 1, rate: blocks[l - 1]!.output, slopes });
    }
  }
  return predicted;
}
