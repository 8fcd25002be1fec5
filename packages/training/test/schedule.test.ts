import { constant, cosine, stepDecay, warmup } from "@sew/training";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const rates = fc.double({ min: 1e-6, max: 10, noNaN: true });
const lengths = fc.integer({ min: 1, max: 400 });
/** An epoch of a run with 10 updates per epoch, and an update of it. */
const at = (epoch: number) => ({ epoch, step: 10 * epoch });
const update = (step: number) => ({ epoch: Math.floor(step / 10), step });

describe("cosine", () => {
  it("goes from learningRate over its half to 0, down all the way, and stays there", () =>
    fc.assert(
      fc.property(rates, lengths, (learningRate, epochs) => {
        const schedule = cosine({ learningRate, epochs });
        expect(schedule(at(0))).toBe(learningRate);
        expect(schedule(at(epochs / 2))).toBeCloseTo(learningRate / 2, 12);
        for (const e of [epochs, epochs + 1, 2 * epochs]) expect(schedule(at(e))).toBe(0);
        for (let e = 1; e <= epochs; e++) expect(schedule(at(e))).toBeLessThan(schedule(at(e - 1)));
      }),
    ));

  it("has the values of PyTorch's CosineAnnealingLR", () => {
    // torch.optim.lr_scheduler.CosineAnnealingLR(T_max=64), lr 0.01, epochs 1, 16 and 63: its closed form.
    const schedule = cosine({ learningRate: 0.01, epochs: 64 });
    expect(schedule(at(1))).toBeCloseTo(0.009993977281025863, 15);
    expect(schedule(at(16))).toBeCloseTo(0.008535533905932738, 15);
    expect(schedule(at(63))).toBeCloseTo(0.000006022718974137976, 15);
  });

  it("counts updates where its length is in steps", () => {
    const [byEpoch, byStep] = [{ epochs: 4 }, { steps: 40 }].map((length) => cosine({ learningRate: 1, ...length }));
    for (let step = 0; step < 40; step++) {
      expect(byStep!(update(step))).toBe(byEpoch!({ epoch: step / 10, step: 0 }));
    }
  });
});

describe("stepDecay", () => {
  it("is multiplied by gamma every so many epochs, and at no other", () =>
    fc.assert(
      fc.property(rates, lengths, fc.nat(1000), (learningRate, epochs, epoch) => {
        const schedule = stepDecay({ learningRate, epochs, gamma: 0.5 });
        expect(schedule(at(epoch))).toBe(learningRate * 0.5 ** Math.floor(epoch / epochs));
        expect(schedule(at(epoch + epochs))).toBe(schedule(at(epoch)) / 2);
      }),
    ));

  it("divides by ten by default", () => expect(stepDecay({ learningRate: 1, epochs: 64 })(at(64))).toBe(0.1));

  it("counts updates where its length is in steps", () => {
    const schedule = stepDecay({ learningRate: 1, steps: 15, gamma: 0.5 });
    expect([14, 15, 29, 30].map((step) => schedule(update(step)))).toEqual([1, 0.5, 0.5, 0.25]);
  });
});

describe("constant", () => {
  it("is the same at every time", () =>
    fc.assert(
      fc.property(rates, fc.nat(), (learningRate, epoch) => {
        expect(constant(learningRate)(at(epoch))).toBe(learningRate);
      }),
    ));
});

describe("warmup", () => {
  it("rises in equal parts to its schedule, reaches it at its last epoch and is the schedule from then on", () =>
    fc.assert(
      fc.property(rates, lengths, (learningRate, epochs) => {
        const schedule = cosine({ learningRate, epochs: 500 });
        const warmed = warmup({ epochs }, schedule);
        for (let e = 0; e < epochs; e++) expect(warmed(at(e))).toBeCloseTo((schedule(at(e)) * (e + 1)) / epochs, 12);
        for (const e of [epochs - 1, epochs, epochs + 7]) expect(warmed(at(e))).toBe(schedule(at(e)));
      }),
    ));

  it("warms a plain number up by updates", () => {
    const schedule = warmup({ steps: 4 }, 0.5);
    expect([0, 1, 2, 3, 4].map((step) => schedule(update(step)))).toEqual([0.125, 0.25, 0.375, 0.5, 0.5]);
  });
});

describe("every schedule", () => {
  it("takes a rate of 0, which freezes the weights", () => {
    const schedules = [constant(0), cosine({ learningRate: 0, epochs: 2 }), stepDecay({ learningRate: 0, epochs: 2 })];
    for (const schedule of schedules) expect([at(0), at(1), at(5)].map(schedule)).toEqual([0, 0, 0]);
  });

  it.each([
    [
      () => cosine({ learningRate: -0.1, epochs: 1 }),
      "cosine: learningRate must be a finite number of at least 0, got -0.1",
    ],
    [() => cosine({ learningRate: 1, epochs: 0.5 }), "cosine: epochs must be an integer of at least 1, got 0.5"],
    [() => cosine({ learningRate: 1 }), "cosine: length must be one of epochs and steps, got neither"],
    [
      () => cosine({ learningRate: 1, epochs: 1, steps: 1 }),
      "cosine: length must be one of epochs and steps, got both",
    ],
    [
      () => stepDecay({ learningRate: Number.NaN, epochs: 1 }),
      "stepDecay: learningRate must be a finite number of at least 0, got NaN",
    ],
    [() => stepDecay({ learningRate: 1, steps: 0 }), "stepDecay: steps must be an integer of at least 1, got 0"],
    [() => stepDecay({ learningRate: 1, epochs: 1, gamma: -1 }), "stepDecay: gamma must be a positive number, got -1"],
    [
      () => constant(Number.POSITIVE_INFINITY),
      "constant: learningRate must be a finite number of at least 0, got Infinity",
    ],
    [() => warmup({ epochs: -1 }, 0.1), "warmup: epochs must be an integer of at least 1, got -1"],
  ])("refuses what it cannot use (%#)", (make, message) => expect(make).toThrow(new RangeError(message)));

  it.each([undefined, null, "0.1"])("refuses a learning rate that is neither number nor schedule, such as %s", (rate) =>
    expect(() => warmup({ epochs: 1 }, rate as unknown as number)).toThrow(
      new TypeError(`warmup: learningRate must be a number or a schedule, got ${rate}`),
    ),
  );
});
