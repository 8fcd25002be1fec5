import { type Source, split, subset } from "@sew/datasets";
import { describeSource } from "@sew/datasets/testing";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numbers } from "./fixtures/own.mjs";

/** A source of these labels; its sample i holds i. */
const labelled = (labels: readonly number[]): Source => ({
  name: "labelled",
  classes: ["a", "b", "c"],
  count: labels.length,
  shape: [1, 1, 1, 1],
  labels,
  names: labels.map((_, i) => `${i}`),
  fingerprint: `labelled ${labels}`,
  read: (indices) => Float32Array.from(indices),
});
const three = (n: number): number[] => Array.from({ length: 3 * n }, (_, i) => (i * 7) % 3);

describeSource("a subset", async () => subset(await numbers({ count: 9 }), [4, 0, 8, 3]), {
  changed: {
    "another order": async () => subset(await numbers({ count: 9 }), [0, 4, 8, 3]),
    "another sample": async () => subset(await numbers({ count: 9 }), [4, 0, 8, 2]),
    "another source": async () => subset(await numbers({ count: 10 }), [4, 0, 8, 3]),
  },
});
describeSource("a subset of a subset of a plain source", () => subset(subset(labelled(three(4)), [9, 5, 7]), [2, 0]), {
  changed: { "the outer one": () => subset(subset(labelled(three(4)), [9, 5, 7]), [0, 2]) },
});

describe("subset", () => {
  it("has the samples in the order of the indices", async () => {
    const part = subset(labelled([0, 1, 2, 1]), Int32Array.of(3, 0), "part");
    expect(part).toMatchObject({ name: "part", count: 2, labels: [1, 0], names: ["3", "0"] });
    expect(await part.read([1, 0, 1])).toEqual(Float32Array.of(0, 3, 0));
  });

  it.each([
    [[], "indices must hold at least one sample, got none"],
    [[0, 1, 0], "indices must be distinct, got 0 twice"],
    [[0, 3], "indices must be integers in 0..2, got 3"],
    [[0.5], "indices must be integers in 0..2, got 0.5"],
  ])("refuses %j", (indices, says) =>
    expect(() => subset(labelled([0, 1, 2]), indices)).toThrow(new RangeError(`subset: ${says}`)),
  );
});

describe("split", () => {
  const cases = fc.record({
    n: fc.integer({ min: 6, max: 20 }),
    seed: fc.maxSafeInteger(),
    validation: fc.double({ min: 0.1, max: 0.4, noNaN: true }),
    test: fc.double({ min: 0.1, max: 0.4, noNaN: true }),
    stratified: fc.boolean(),
  });

  it("puts each sample into one part, in the order of the source, the same for the same seed", () =>
    fc.assert(
      fc.property(cases, ({ n, ...options }) => {
        const source = labelled(three(n));
        const parts = Object.values(split(source, options));
        const names = parts.flatMap(({ names }) => names);
        expect(names.toSorted()).toEqual(source.names.toSorted());
        for (const { names } of parts) expect(names).toEqual(names.toSorted((a, b) => Number(a) - Number(b)));
        expect(Object.values(split(source, options)).map(({ names }) => names)).toEqual(
          parts.map(({ names }) => names),
        );
      }),
    ));

  it("gives each part its proportion: of each class if stratified, of all samples if not", () =>
    fc.assert(
      fc.property(cases, ({ n, ...options }) => {
        const { train, validation, test } = split(labelled(three(n)), options);
        const of = (part: Source, label?: number) =>
          Array.from(part.labels).filter((found) => label === undefined || found === label).length;
        for (const label of options.stratified ? [0, 1, 2] : [undefined]) {
          const total = label === undefined ? 3 * n : n;
          expect(of(validation, label)).toBe(Math.round(options.validation * total));
          expect(of(test, label)).toBe(Math.round(options.test * total));
          expect(of(train, label)).toBe(total - of(validation, label) - of(test, label));
        }
      }),
    ));

  it("names the parts and gives each a fingerprint, which records seed and source; without test there is none", () => {
    const prints = (n: number, seed: number) =>
      Object.values(split(labelled(three(n)), { validation: 0.5, seed })).map(({ fingerprint }) => fingerprint);
    const { train, validation, ...rest } = split(labelled(three(5)), { validation: 0.5 });
    expect([train.name, validation.name, rest]).toEqual(["labelled-train", "labelled-validation", {}]);
    expect(prints(5, 1)).toEqual(prints(5, 1));
    expect(new Set([...prints(5, 1), ...prints(5, 2), ...prints(6, 1)]).size).toBe(6);
  });

  it("leaves out classes that the source lacks", () =>
    expect(split(labelled([0, 0, 2, 2]), { validation: 0.5 }).train.labels).toEqual([0, 2]));

  it.each([
    [[0, 0, 1], 0.5, "samples of every class, got none in train of the 1 of class b"],
    [[0, 0, 0, 0, 1, 1, 1, 1], 0.1, "samples of every class, got none in validation of the 4 of class a"],
  ])("refuses a part without a class: %j at %d", (labels, validation, says) =>
    expect(() => split(labelled(labels), { validation })).toThrow(
      new RangeError(`split: each part must have ${says}; change the proportions, or set stratified: false`),
    ),
  );

  it("refuses an empty part", () =>
    expect(() => split(labelled([0, 0, 1]), { validation: 0.1, stratified: false })).toThrow(
      new RangeError(
        "split: each part must have samples, got none in validation of the 3 of samples; change the proportions",
      ),
    ));

  it.each([
    [{ validation: 0 }, "validation must be above 0 and below 1, got 0"],
    [{ validation: 10 }, "validation must be above 0 and below 1, got 10"],
    [{ validation: 0.5, test: Number.NaN }, "test must be above 0 and below 1, got NaN"],
    [{ validation: 0.5, test: 0.5 }, "validation and test must leave samples to train on, got 1 together"],
    [{ validation: 0.5, seed: 0.5 }, "seed must be an integer, got 0.5"],
  ])("refuses %j", (wrong, says) =>
    expect(() => split(labelled(three(5)), wrong)).toThrow(new RangeError(`split: ${says}`)),
  );
});
