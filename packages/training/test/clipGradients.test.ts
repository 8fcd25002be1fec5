import { clipGradients } from "@sew/training";
import { memory, type NamedTensorMap, scalar, tensor1d, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const values = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 8 });
const gradientsOf = (a: number[], b: number[]): NamedTensorMap => ({ a: tensor1d(a), b: tensor1d(b) });
const read = (gradients: NamedTensorMap) => Object.values(gradients).flatMap((g) => [...g.dataSync()]);
const norm = (numbers: number[]) => Math.hypot(...numbers);

describe("clipGradients", () => {
  it("keeps the direction, and shortens to the norm only what is longer", () =>
    fc.assert(
      fc.property(values, values, fc.float({ min: Math.fround(0.01), max: 32, noNaN: true }), (a, b, clipNorm) =>
        tidy(() => {
          const before = [...a, ...b].map(Math.fround);
          const after = read(clipGradients(gradientsOf(a, b), clipNorm));
          const factor = Math.min(1, clipNorm / Math.max(norm(before), 1e-30));
          for (const [i, g] of after.entries()) expect(g).toBeCloseTo(before[i]! * factor, 4);
        }),
      ),
    ));

  it("leaves gradients of exactly that length as they are", () =>
    tidy(() => {
      expect(read(clipGradients(gradientsOf([3], [4]), 5))).toEqual([3, 4]);
    }));

  it("shortens what is too long to be squared", () =>
    tidy(() => {
      const [a, b] = read(clipGradients(gradientsOf([3e30], [4e30]), 1));
      expect([a, b]).toEqual([expect.closeTo(0.6, 5), expect.closeTo(0.8, 5)]);
    }));

  it("leaves zeros as they are", () =>
    tidy(() => {
      expect(read(clipGradients(gradientsOf([0], [0]), 1))).toEqual([0, 0]);
    }));

  it("keeps its results in memory and nothing else", () => {
    const gradients = { w: scalar(2) };
    const before = memory().numTensors;
    const clipped = clipGradients(gradients, 1);
    expect(memory().numTensors - before).toBe(1);
    for (const g of [gradients.w, clipped.w!]) g.dispose();
  });

  it.each([0, -1, Number.NaN])("refuses clipNorm = %s", (clipNorm) =>
    expect(() => clipGradients({}, clipNorm)).toThrow(
      `clipGradients: clipNorm must be a number above 0, got ${clipNorm}`,
    ),
  );
});
