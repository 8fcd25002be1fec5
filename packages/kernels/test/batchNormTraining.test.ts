import { batchNormTraining } from "@sew/kernels";
import { describeBackends, expectClose, floatsOf, read, scoped } from "@sew/kernels/testing";
import { grads, mul, ones, sum, type Tensor, tensor, tensor1d, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { expectWithin, rounding } from "./within.js";

interface Batch {
  readonly shape: number[];
  readonly x: readonly number[];
  readonly scale: readonly number[];
  readonly offset: readonly number[];
  readonly dy: readonly number[];
}

/** Sequences and images of 2 or more values for each of 1 to 4 channels. */
const batches: fc.Arbitrary<Batch> = fc
  .tuple(fc.constantFrom<number[][]>([2], [7], [3, 5], [2, 2, 3], [3, 1, 2, 2]), fc.integer({ min: 1, max: 4 }))
  .chain(([rows, channels]) => {
    const shape = [...rows, channels];
    const size = shape.reduce((a, b) => a * b);
    return fc.record({
      shape: fc.constant(shape),
      x: floatsOf(size),
      scale: floatsOf(channels),
      offset: floatsOf(channels),
      dy: floatsOf(size),
    });
  });

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs));

/** The statistics of a channel in float64, and how far float32 sums may be from them. */
function statisticsOf({ x, scale }: Batch, channel: number) {
  const values = x.filter((_, i) => i % scale.length === channel);
  const mean = meanOf(values);
  const variance = meanOf(values.map((v) => (v - mean) ** 2));
  const roundings = values.length + 8;
  const meanError = roundings * rounding * largest(values);
  const range = largest(values.map((v) => v - values[0]!));
  // About a mean that is off, the mean square is larger by the square of what it is off.
  return { mean, variance, meanError, varianceError: 4 * roundings * rounding * range ** 2 + meanError ** 2 };
}

const tensorsOf = ({ shape, x, scale, offset }: Batch) => ({
  x: tensor([...x], shape),
  scale: tensor1d([...scale]),
  offset: tensor1d([...offset]),
});

describeBackends("batchNormTraining", () => {
  it("normalises each channel by its mean and biased variance, and returns both", () =>
    fc.assert(
      fc.property(batches, fc.constantFrom(1e-5, 1e-3, 0.5), (batch, epsilon) =>
        scoped(() => {
          const [y, mean, variance] = batchNormTraining(tensorsOf(batch), { epsilon });
          const channels = batch.scale.map((_, c) => statisticsOf(batch, c));
          const within = (value: number, error: number) => ({ value, magnitude: error / rounding });
          expectWithin(
            mean!,
            channels.map((c) => within(c.mean, c.meanError)),
            1,
          );
          expectWithin(
            variance!,
            channels.map((c) => within(c.variance, c.varianceError + 4 * rounding * c.variance)),
            1,
          );
          const normalised = batch.x.map((value, i) => {
            const c = i % channels.length;
            const { mean, variance, meanError, varianceError } = channels[c]!;
            const factor = batch.scale[c]! / Math.sqrt(variance + epsilon);
            // The slope of 1/√v, at the least v that float32 sums may give.
            const steepest = (0.5 * varianceError) / Math.max(variance + epsilon - varianceError, epsilon);
            const centred = value - mean;
            const error = Math.abs(factor) * (meanError + Math.abs(centred) * (steepest + 8 * rounding));
            return within(factor * centred + batch.offset[c]!, error + 2 * rounding * Math.abs(batch.offset[c]!));
          });
          expectWithin(y!, normalised, 1);
        }),
      ),
    ));

  it("has accurate statistics over many rows", () =>
    scoped(() => {
      const shape = [16, 2, 64, 64, 2];
      const x = Float32Array.from({ length: 16 * 2 * 64 * 64 * 2 }, (_, i) => 1 + Math.sin(0.37 * i));
      const [, mean, variance] = batchNormTraining(
        { x: tensor(x, shape), scale: ones([2]), offset: zeros([2]) },
        { epsilon: 1e-5 },
      );
      for (const channel of [0, 1]) {
        const values = [...x].filter((_, i) => i % 2 === channel);
        const expected = meanOf(values);
        expect(Math.abs(read(mean!)[channel]! / expected - 1)).toBeLessThan(1e-6);
        const spread = meanOf(values.map((value) => (value - expected) ** 2));
        expect(Math.abs(read(variance!)[channel]! / spread - 1)).toBeLessThan(1e-6);
      }
    }));

  it("has gradients that pass through the statistics of the batch", () =>
    fc.assert(
      fc.property(batches, (batch) =>
        scoped(() => {
          const epsilon = 0.5;
          const { x, scale, offset } = tensorsOf(batch);
          const weighted = (...[a, b, c]: Tensor[]) => {
            const [y] = batchNormTraining({ x: a!, scale: b!, offset: c! }, { epsilon });
            return sum(mul(y!, tensor([...batch.dy], batch.shape)));
          };
          const [dx, dScale, dOffset] = grads(weighted)([x, scale, offset]);
          const channels = batch.scale.map((s, channel) => {
            const { mean, variance } = statisticsOf(batch, channel);
            const own = (values: readonly number[]) => values.filter((_, i) => i % batch.scale.length === channel);
            const root = Math.sqrt(variance + epsilon);
            const z = own(batch.x).map((value) => (value - mean) / root);
            const dy = own(batch.dy);
            const [along, all] = [meanOf(dy.map((g, i) => g * z[i]!)), meanOf(dy)];
            const dx = dy.map((g, i) => (s / root) * (g - all - z[i]! * along));
            return { dx, dScale: along * dy.length, dOffset: all * dy.length };
          });
          const tolerance = { relative: 1e-4, absolute: 1e-3 };
          expectClose(
            dx!,
            batch.x.map((_, i) => channels[i % channels.length]!.dx[Math.floor(i / channels.length)]!),
            tolerance,
          );
          expectClose(
            dScale!,
            channels.map((c) => c.dScale),
            tolerance,
          );
          expectClose(
            dOffset!,
            channels.map((c) => c.dOffset),
            tolerance,
          );
        }),
      ),
    ));
});
