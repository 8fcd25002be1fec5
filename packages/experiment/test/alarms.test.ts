import type { EpochMetrics } from "@sew/training";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Alarm, alarmsAfter, type Expected, type Known, type Measured } from "../src/alarms.js";

const nothing: Known = { alarms: [], inOrder: [] };
const ten: Expected = { classes: 10, block: "spiking", zeroInit: false, learns: true, warmup: 0 };

const epochs = (...losses: readonly number[]): EpochMetrics[] =>
  losses.map((trainLoss, epoch) => ({
    epoch,
    trainLoss,
    learningRate: 0.1,
    trainTop1: 0.1,
    seconds: 1,
    samplesPerSecond: 1,
    dataWait: 0,
    time: 0,
  }));

const measured = (change: { blocks?: object; layers?: object; norms?: object }): Measured => ({
  rates: { layers: {}, blocks: {}, warnings: [], ...change } as Measured["rates"],
  norms: (change.norms ?? {}) as Measured["norms"],
});

/** The alarms of measurements, one after each epoch. */
function alarmsOf(measurements: readonly Measured[], expected = ten): readonly Alarm[] {
  let known = nothing;
  for (const [i, each] of measurements.entries()) {
    known = alarmsAfter(known, epochs(...new Array(i + 1).fill(1)), each, expected);
  }
  return known.alarms;
}

const block = (output: number, residual?: number): Measured =>
  measured({ blocks: { block0: { output, ...(residual !== undefined && { residual }) }, block1: { output: 0.1 } } });

describe("a silent block", () => {
  it("is one where neither A nor O fires, and is named with the epoch and a remedy", () => {
    expect(alarmsOf([block(0.1), block(0, 0)])).toEqual([
      {
        kind: "silent",
        place: "block0",
        epoch: 1,
        text:
          "block0 is silent: neither its residual path nor its output fires, and nothing behind it learns; lower the " +
          "learning rate (--learning-rate), clip the gradients (--clip-norm 1), or start blocks as identities (--zero-init)",
      },
    ]);
    expect(alarmsOf([block(0, 0.1), block(0.1, 0), block(0.1)])).toEqual([]);
  });

  it("is an alarm once, and once for each block", () => {
    const both = measured({ blocks: { block0: { output: 0 }, block1: { output: 0, residual: 0 } } });
    expect(alarmsOf([block(0), both, both]).map(({ place, epoch }) => [place, epoch])).toEqual([
      ["block0", 0],
      ["block1", 1],
    ]);
  });

  it("that starts as an identity is an alarm only once it has fired", () => {
    const zeroInit = { ...ten, zeroInit: true };
    expect(alarmsOf([block(0, 0), block(0, 0)], zeroInit)).toEqual([]);
    expect(alarmsOf([block(0, 0), block(0.1, 0), block(0, 0)], zeroInit).map(({ epoch }) => epoch)).toEqual([2]);
  });
});

describe("a saturated layer", () => {
  const layer = (...rates: readonly number[]): Measured =>
    measured({ layers: { "block0.a.neuron": { rate: 1, silent: 0, neurons: Float32Array.from(rates) } } });

  it("is one where half of the neurons always fire", () => {
    expect(alarmsOf([layer(1, 1, 0.9, 0.5, 0)])).toEqual([]);
    expect(alarmsOf([layer(1, 0.5, 1, 0.9375)])).toMatchObject([
      {
        kind: "always fires",
        place: "block0.a.neuron",
        text:
          "block0.a.neuron is saturated: 50 % of its neurons fire in every time-step of every sample, which carries no " +
          "information; lower the learning rate (--learning-rate), or that of learned neuron parameters (--neuron-rate 0.1)",
      },
    ]);
  });

  it("that learns nothing is not told to learn more slowly", () =>
    expect(alarmsOf([layer(1, 1)], { ...ten, learns: false })[0]!.text).toMatch(
      /carries no information; lower the learning rate \(--learning-rate\)$/,
    ));

  it("of a block that starts as an identity is an alarm only once it was quieter", () => {
    const zeroInit = { ...ten, zeroInit: true };
    expect(alarmsOf([layer(1, 1)], zeroInit)).toEqual([]);
    expect(alarmsOf([layer(1, 1), layer(0, 0), layer(1, 1)], zeroInit).map(({ epoch }) => epoch)).toEqual([2]);
  });
});

describe("gradient norms", () => {
  const norms = (...values: readonly number[]): Measured =>
    measured({ norms: Object.fromEntries(values.map((value, i) => [`block${i}`, value])) });
  const kinds = (...values: readonly number[]) => alarmsOf([norms(...values)]).map(({ kind }) => kind);

  it("vanish below a thousandth, and explode above a thousand, from the last block to the first", () => {
    expect(kinds(0.001, 7, 1)).toEqual([]);
    expect(kinds(0.000999, 7, 1)).toEqual(["gradients vanish"]);
    expect(kinds(1000, 7, 1)).toEqual([]);
    expect(kinds(1001, 7, 1)).toEqual(["gradients explode"]);
    expect(alarmsOf([norms(0.0001234, 1, 2)])).toMatchObject([
      {
        place: "",
        text:
          "gradient norms vanish, from 2.00 at block2 to 0.000123 at block0: the first blocks learn nothing; use the block " +
          "sew-add (--block), start blocks as identities (--zero-init), or choose another surrogate (--surrogate)",
      },
    ]);
    expect(alarmsOf([norms(12345, 1, 2)])).toMatchObject([
      {
        text:
          "gradient norms explode, from 2.00 at block2 to 1.23e+4 at block0; use the block sew-add (--block), lower the " +
          "learning rate (--learning-rate), clip the gradients (--clip-norm 1), or choose a surrogate with a lower slope " +
          "(--surrogate)",
      },
    ]);
  });

  it("that are zero vanish, and those beyond all numbers explode", () => {
    expect(kinds(0, 1)).toEqual(["gradients vanish"]);
    expect(kinds(0, 0)).toEqual(["gradients vanish"]);
    expect(kinds(1, 0)).toEqual(["gradients explode"]);
    expect(kinds(Number.POSITIVE_INFINITY, 1)).toEqual(["gradients explode"]);
  });

  it("of one block, or none, are never compared", () => {
    expect(kinds(1e-30)).toEqual([]);
    expect(kinds()).toEqual([]);
  });

  it("explode in all blocks alike, or in one, above a thousand times what the logits can have", () => {
    expect(kinds(1414, 1414, 1414)).toEqual([]);
    expect(kinds(1415, 1415)).toEqual(["gradients explode"]);
    expect(kinds(1415)).toEqual(["gradients explode"]);
    expect(alarmsOf([norms(2, 1e5, 2)])[0]!.text).toContain("gradient norms explode, 1.00e+5 at block1; use the");
  });

  it("name no remedy that the run has already, or that its block has not", () => {
    const text = (change: Partial<Expected>, values: readonly number[]) =>
      alarmsOf([norms(...values)], { ...ten, ...change }).map((alarm) => alarm.text.split("; ")[1]);
    expect(text({ block: "sew-add" }, [0, 1])).toEqual([
      "start blocks as identities (--zero-init), or choose another surrogate (--surrogate)",
    ]);
    expect(text({ block: "sew-add", zeroInit: true }, [0, 1])).toEqual(["choose another surrogate (--surrogate)"]);
    expect(text({ block: "plain" }, [0, 1])).toEqual([
      "use the block sew-add (--block), or choose another surrogate (--surrogate)",
    ]);
  });

  it("raise at most one of the two alarms, whatever they are", () =>
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, noNaN: true }), { minLength: 2, maxLength: 4 }), (values) => {
        const far = values.at(-1)!;
        const small = values.every((value) => value <= 1414);
        const fine = values[0]! >= far / 1000 && values[0]! <= far * 1000 && far > 0 && small;
        expect(kinds(...values).length).toBeLessThanOrEqual(1);
        if (fine && Number.isFinite(far) && far > 1e-300 && far < 1e300) expect(kinds(...values)).toEqual([]);
      }),
    ));
});

describe("a loss far above chance", () => {
  const kinds = (losses: readonly number[], expected = ten) =>
    alarmsAfter(nothing, epochs(...losses), undefined, expected).alarms.map(({ kind }) => kind);

  it("is an alarm from twice that of guessing on, in any epoch, once, and is not at chance besides", () => {
    expect(kinds([2 * Math.log(10)])).toEqual([]);
    expect(kinds([4.61])).toEqual(["loss above chance"]);
    expect(kinds([1.4e12, 1.4e12, 1.4e12, 1.4e12, 1.4e12])).toEqual(["loss above chance"]);
    expect(kinds([4.61], { ...ten, classes: 1000 })).toEqual([]);
    const once = alarmsAfter(nothing, epochs(1.4e12), undefined, ten);
    expect(alarmsAfter(once, epochs(1.4e12, 1.4e12), undefined, ten)).toEqual(once);
    expect(once.alarms[0]!.text).toBe(
      "the training loss is 1.400e+12, far above that of guessing among 10 classes, 2.303: the weights have grown too " +
        "large; lower the learning rate (--learning-rate), or clip the gradients (--clip-norm 1)",
    );
  });
});

describe("a loss at chance", () => {
  const chance = Math.log(10);
  const kinds = (losses: readonly number[], expected = ten) =>
    alarmsAfter(nothing, epochs(...losses), undefined, expected).alarms.map(({ text }) => text);

  it("is an alarm after five epochs, if the last three are", () => {
    expect(kinds([3, 3, chance, chance])).toEqual([]);
    expect(kinds([3, 2, chance, chance, chance])).toEqual([
      "the training loss is at chance after 5 epochs: 2.303, where guessing among 10 classes has 2.303; change the learning " +
        "rate (--learning-rate), use fewer blocks or the block sew-add, or check the labels",
    ]);
    expect(kinds([chance, chance, chance, chance, 2.2])).toEqual([]);
    expect(kinds([chance, chance, 2.2, chance, chance])).toEqual([]);
  });

  it("may last as long as the warm-up", () => {
    const expected = { ...ten, warmup: 2 };
    expect(kinds(new Array(6).fill(chance), expected)).toEqual([]);
    expect(kinds(new Array(7).fill(chance), expected)).toHaveLength(1);
  });
});
