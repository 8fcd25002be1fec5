import { constantRate, cosine, step } from "@sew/training";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const rates = fc.double({ min: 1e-6, max: 10, noNaN: true });
const lengths = fc.integer({ min: 1, max: 400 });

describe("cosine", () => {
  it("goes from lr over lr/2 to 0, and down all the way", () =>
    fc.assert(
      fc.property(rates, lengths, (lr, epochs) => {
        const rate = cosine({ lr, epochs });
        expect(rate(0)).toBe(lr);
        expect(rate(epochs / 2)).toBeCloseTo(lr / 2, 12);
        expect(rate(epochs)).toBe(0);
        for (let e = 1; e <= epochs; e++) expect(rate(e)).toBeLessThan(rate(e - 1));
      }),
    ));

  it("has the values of PyTorch's CosineAnnealingLR", () => {
    // torch.optim.lr_scheduler.CosineAnnealingLR(T_max=64), lr 0.01, epochs 1, 16 and 63: its closed form.
    const rate = cosine({ lr: 0.01, epochs: 64 });
    expect(rate(1)).toBeCloseTo(0.009993977281025863, 15);
    expect(rate(16)).toBeCloseTo(0.008535533905932738, 15);
    expect(rate(63)).toBeCloseTo(0.000006022718974137976, 15);
  });
});

describe("step", () => {
  it("is multiplied by gamma every size epochs, and at no other", () =>
    fc.assert(
      fc.property(rates, lengths, fc.nat(1000), (lr, size, epoch) => {
        const rate = step({ lr, size, gamma: 0.5 });
        expect(rate(epoch)).toBe(lr * 0.5 ** Math.floor(epoch / size));
        expect(rate(epoch + size)).toBe(rate(epoch) / 2);
      }),
    ));

  it("divides by ten unless told otherwise", () => expect(step({ lr: 1, size: 64 })(64)).toBe(0.1));
});

describe("constantRate", () => {
  it("is the same at every epoch", () =>
    fc.assert(
      fc.property(rates, fc.nat(), (lr, epoch) => {
        expect(constantRate(lr)(epoch)).toBe(lr);
      }),
    ));
});

describe("every schedule", () => {
  it.each([
    [() => cosine({ lr: 0, epochs: 1 }), "cosine: lr must be a positive number, got 0"],
    [() => cosine({ lr: 1, epochs: 0.5 }), "cosine: epochs must be an integer of at least 1, got 0.5"],
    [() => step({ lr: Number.NaN, size: 1 }), "step: lr must be a positive number, got NaN"],
    [() => step({ lr: 1, size: 0 }), "step: size must be an integer of at least 1, got 0"],
    [() => step({ lr: 1, size: 1, gamma: -1 }), "step: gamma must be a positive number, got -1"],
    [() => constantRate(Number.POSITIVE_INFINITY), "constantRate: lr must be a positive number, got Infinity"],
  ])("refuses what it cannot use (%#)", (make, message) => expect(make).toThrow(new RangeError(message)));
});
