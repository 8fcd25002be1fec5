import { randomFlip } from "@sew/datasets";
import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const shapes = fc.tuple(...[3, 4, 5, 3].map((max) => fc.integer({ min: 1, max })));

describe("randomFlip", () => {
  it("mirrors the columns of every row, time-step and channel", () =>
    fc.assert(
      fc.property(shapes, (shape) => {
        const [T, H, W, C] = shape as [number, number, number, number];
        const x = Float32Array.from({ length: T * H * W * C }, (_, i) => i);
        const y = randomFlip({ probability: 1 }).apply(x.slice(), shape, random(0));
        for (let row = 0; row < T * H; row++) {
          for (let w = 0; w < W; w++) {
            for (let c = 0; c < C; c++) expect(y[(row * W + w) * C + c]).toBe(x[(row * W + W - 1 - w) * C + c]);
          }
        }
      }),
    ));

  it("flips all of a sample or nothing, with the probability that is asked for", () => {
    for (const probability of [0, 0.25, 0.5, 1]) {
      let flipped = 0;
      for (let seed = 0; seed < 1000; seed++) {
        const y = [...randomFlip({ probability }).apply(Float32Array.of(1, 2, 3, 4), [2, 1, 2, 1], random(seed))];
        if (y[0] === 2) flipped++;
        expect(y).toEqual(y[0] === 2 ? [2, 1, 4, 3] : [1, 2, 3, 4]);
      }
      const deviation = Math.sqrt(1000 * probability * (1 - probability));
      expect(Math.abs(flipped - 1000 * probability)).toBeLessThanOrEqual(5 * deviation);
    }
  });

  it.each([-0.1, 1.1, Number.NaN])("refuses the probability %s", (probability) =>
    expect(() => randomFlip({ probability })).toThrow(
      new RangeError(`randomFlip: probability must be in 0..1, got ${probability}`),
    ),
  );
});
