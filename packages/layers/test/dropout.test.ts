import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import { type Context, dropout, evaluation } from "@sew/layers";
import { describeModule } from "@sew/layers/testing";
import { random } from "@sew/random";
import { grad, ones, reshape, slice, type Tensor, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const training = (seed: number): Context => ({ training: true, seed });

describeModule("dropout", { make: () => dropout(0.5), input: [3, 2, 20], output: [3, 2, 20], timeless: true });

describeBackends("dropout in training", () => {
  it("keeps one mask for the whole sequence", () =>
    fc.assert(
      fc.property(float32(0.0625, 0.9375), fc.integer({ min: 0, max: 2 ** 31 - 1 }), (p, seed) =>
        scoped(() => {
          const y = dropout(p).forward(ones([4, 2, 10]), training(seed));
          const step = (t: number) => read(slice(y, [t], [1]));
          for (let t = 1; t < 4; t++) expect(step(t)).toEqual(step(0));
        }),
      ),
    ));

  it("depends on the seed of the pass", () =>
    scoped(() => {
      const layer = dropout(0.5);
      const mask = (seed: number) => read(layer.forward(ones([1, 1, 100]), training(seed)));
      expect(mask(3)).toEqual(mask(3));
      expect(mask(3)).not.toEqual(mask(4));
    }));

  it("has other masks in every layer, in every step", () =>
    scoped(() => {
      const [a, b] = [dropout(0.5), dropout(0.5)];
      const agreement = (seed: number) => {
        const [x, y] = [a, b].map((layer) => read(layer.forward(ones([1, 1, 10_000]), training(seed))));
        return x!.filter((value, i) => value === y![i]).length / 10_000;
      };
      // Five standard deviations of independent masks.
      for (const seed of [1, 2, 3]) expect(Math.abs(agreement(seed) - 0.5)).toBeLessThan(0.025);
    }));

  it("has the masks of its random numbers, whatever layers were made before", () =>
    scoped(() => {
      const mask = (source: number) =>
        read(dropout(0.5, { random: random(source) }).forward(ones([1, 1, 100]), training(3)));
      expect(mask(1)).toEqual(mask(1));
    }));

  it("has other masks in a layer with another source of randomness", () =>
    scoped(() => {
      const mask = (source: number) =>
        read(dropout(0.5, { random: random(source) }).forward(ones([1, 1, 100]), training(3)));
      expect(mask(1)).not.toEqual(mask(2));
    }));

  it("drops each sample's features on their own", () =>
    scoped(() => {
      const y = dropout(0.5).forward(ones([1, 2, 100]), training(3));
      const sample = (n: number) => read(slice(y, [0, n, 0], [1, 1, 100]));
      expect(sample(0)).not.toEqual(sample(1));
    }));

  it("drops p of the features and scales the others by 1 / (1 − p), so that the mean stays", () =>
    fc.assert(
      // Not rarer than a bell curve describes: of a p of 1e-6 a single one in 4000 is many deviations.
      fc.property(fc.oneof(fc.constant(0), float32(0.03125, 0.75)), fc.nat(), (p, seed) =>
        scoped(() => {
          const n = 4000;
          const y = read(dropout(p).forward(ones([1, 1, n]), training(seed)));
          const kept = Math.fround(1 / (1 - p));
          expect(y.filter((value) => value !== 0 && value !== kept)).toEqual([]);
          // Five standard deviations of the binomial.
          const dropped = y.filter((value) => value === 0).length;
          expect(Math.abs(dropped - p * n)).toBeLessThanOrEqual(5 * Math.sqrt(n * p * (1 - p)));
        }),
      ),
      { numRuns: 20 },
    ));

  it("stops the gradient of what it drops and scales the others'", () =>
    scoped(() => {
      const dropping = dropout(0.75);
      const layer = (x: Tensor) => dropping.forward(x, training(5));
      const x = ones([2, 1, 50]);
      expectClose(grad(layer)(x), reshape(layer(x), [100]));
    }));

  it("refuses a context without a seed and says what to pass", () =>
    scoped(() =>
      expect(() => dropout(0.5).forward(zeros([1, 1, 2]), { training: true })).toThrow(
        new RangeError("dropout: context must have a seed in training, got none; pass a new one for each step"),
      ),
    ));
});

describeBackends("dropout in evaluation", () => {
  it("is the identity and needs no seed", () =>
    scoped(() => {
      const x = ones([2, 1, 3]);
      const y = dropout(0.9).forward(x, evaluation);
      expect(read(y)).toEqual(read(x));
      y.dispose();
      expect(x.isDisposed).toBe(false);
    }));
});

describe("dropout's check", () => {
  it.each([-0.1, 1, 2, Number.NaN])("refuses p = %s", (p) =>
    expect(() => dropout(p)).toThrow(new RangeError(`dropout: p must be at least 0 and below 1, got ${p}`)),
  );
});
