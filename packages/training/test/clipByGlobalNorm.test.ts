import { clipByGlobalNorm } from "@sew/training";
import { memory, type NamedTensorMap, scalar, tensor1d, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const values = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 8 });
const gradientsOf = (a: number[], b: number[]): NamedTensorMap => ({ a: tensor1d(a), b: tensor1d(b) });
const read = (gradients: NamedTensorMap) => Object.values(gradients).flatMap((g) => [...g.dataSync()]);
const norm = (numbers: number[]) => Math.hypot(...numbers);

describe("clipByGlobalNorm", () => {
  it("keeps the direction, and shortens what is longer as PyTorch's clip_grad_norm_", () =>
    fc.assert(
      fc.property(values, values, fc.float({ min: Math.fround(0.01), max: 32, noNaN: true }), (a, b, maxNorm) =>
        tidy(() => {
          const before = [...a, ...b].map(Math.fround);
          const after = read(clipByGlobalNorm(maxNorm).updateAll(gradientsOf(a, b)));
          const factor = Math.min(1, maxNorm / (norm(before) + 1e-6));
          for (const [i, g] of after.entries()) expect(g).toBeCloseTo(before[i]! * factor, 4);
        }),
      ),
    ));

  it("adds 1e-6 to the norm, which shows where gradients are as small", () =>
    tidy(() => {
      const [a, b] = read(clipByGlobalNorm(5e-7).updateAll(gradientsOf([3e-7], [4e-7])));
      expect([a! / 1e-7, b! / 1e-7]).toEqual([expect.closeTo(1, 5), expect.closeTo(4 / 3, 5)]);
      expect(read(clipByGlobalNorm(5).updateAll(gradientsOf([3], [3.9])))).toEqual([3, Math.fround(3.9)]);
    }));

  it("never lengthens", () =>
    fc.assert(
      fc.property(values, values, fc.float({ min: Math.fround(0.01), max: 32, noNaN: true }), (a, b, maxNorm) =>
        tidy(() => {
          const before = [...a, ...b].map(Math.fround);
          const after = read(clipByGlobalNorm(maxNorm).updateAll(gradientsOf(a, b)));
          for (const [i, g] of after.entries()) expect(Math.abs(g)).toBeLessThanOrEqual(Math.abs(before[i]!));
        }),
      ),
    ));

  it("shortens what is too long to be squared", () =>
    tidy(() => {
      const [a, b] = read(clipByGlobalNorm(1).updateAll(gradientsOf([3e30], [4e30])));
      expect([a, b]).toEqual([expect.closeTo(0.6, 5), expect.closeTo(0.8, 5)]);
    }));

  it("leaves zeros as they are", () =>
    tidy(() => {
      expect(read(clipByGlobalNorm(1).updateAll(gradientsOf([0], [0])))).toEqual([0, 0]);
    }));

  it("keeps its results in memory and nothing else", () => {
    const gradients = { w: scalar(2) };
    const before = memory().numTensors;
    const clipped = clipByGlobalNorm(1).updateAll(gradients);
    expect(memory().numTensors - before).toBe(1);
    for (const g of [gradients.w, clipped.w!]) g.dispose();
  });

  it.each([0, -1, Number.NaN, null as unknown as number])("refuses maxNorm = %s", (maxNorm) =>
    expect(() => clipByGlobalNorm(maxNorm)).toThrow(
      `clipByGlobalNorm: maxNorm must be a number above 0, got ${maxNorm}`,
    ),
  );
});
