import { float32 } from "@sew/kernels/testing";
import { confusion, topK } from "@sew/training";
import { tensor2d, tidy, topk } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Scores drawn from few values, so that there are ties. */
const problems = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 7 })).chain(([n, classes]) =>
  fc.record({
    classes: fc.constant(classes),
    scores: fc
      .array(fc.oneof(fc.constantFrom(-1, 0, 1), float32(-2, 2)), { minLength: n * classes, maxLength: n * classes })
      .map((values) => Float32Array.from(values)),
    labels: fc.array(fc.nat(classes - 1), { minLength: n, maxLength: n }).map((values) => Int32Array.from(values)),
  }),
);

describe("topK", () => {
  it("counts as tf.topk ranks, ties included", () =>
    fc.assert(
      fc.property(problems, fc.nat(6), ({ classes, scores, labels }, spare) => {
        const k = 1 + (spare % classes);
        const ranked = tidy(
          () => topk(tensor2d(scores, [labels.length, classes]), k).indices.arraySync() as number[][],
        );
        const expected = ranked.filter((row, n) => row.includes(labels[n]!)).length;
        expect(topK(scores, labels, k)).toBe(expected);
      }),
    ));

  it("counts everything at k = classes", () =>
    fc.assert(
      fc.property(problems, ({ classes, scores, labels }) => {
        expect(topK(scores, labels, classes)).toBe(labels.length);
      }),
    ));

  it.each([0, 1, 2])("counts no row with a NaN, the label being %i", (label) => {
    expect(topK(Float32Array.of(Number.NaN, 5, 4), Int32Array.of(label), 1)).toBe(0);
  });

  it("refuses a k out of range, labels out of range and lengths that do not fit", () => {
    const scores = Float32Array.of(1, 2);
    expect(() => topK(scores, Int32Array.of(0), 3)).toThrow(
      new RangeError("topK: k must be an integer from 1 to the number of classes, 2, got 3"),
    );
    expect(() => topK(scores, Int32Array.of(2), 1)).toThrow(new RangeError("topK: labels must be from 0 to 1, got 2"));
    expect(() => topK(scores, Int32Array.of(0, 0, 0), 1)).toThrow(
      new RangeError("topK: scores must be [N, classes] for 3 labels, got 2 values"),
    );
  });
});

describe("confusion", () => {
  it("has every sample in the row of its label, and the right ones on the diagonal", () =>
    fc.assert(
      fc.property(problems, ({ classes, scores, labels }) => {
        const counts = confusion(scores, labels);
        const rows = Array.from({ length: classes }, (_, c) => labels.filter((label) => label === c).length);
        expect(counts.map((row) => row.reduce((a, b) => a + b))).toEqual(rows);
        expect(counts.reduce((sum, row, c) => sum + row[c]!, 0)).toBe(topK(scores, labels, 1));
      }),
    ));

  it("adds to the counts that it is given", () => {
    const [scores, labels] = [Float32Array.of(0, 1), Int32Array.of(0)];
    expect(confusion(scores, labels, confusion(scores, labels))).toEqual([
      [0, 2],
      [0, 0],
    ]);
  });

  it("refuses NaN", () =>
    expect(() => confusion(Float32Array.of(0, Number.NaN), Int32Array.of(0))).toThrow(
      new RangeError("confusion: scores must be numbers, got NaN for sample 0"),
    ));
});
