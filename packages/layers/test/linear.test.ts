import { describeBackends, expectClose, float32, read, scoped } from "@sew/kernels/testing";
import { evaluation, linear } from "@sew/layers";
import { describeModule } from "@sew/layers/testing";
import { random } from "@sew/random";
import { tensor, tensor1d, tensor2d, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

describeModule("linear", { make: () => linear(5, 3), input: [4, 2, 5], output: [4, 2, 3], timeless: true });

describeBackends("linear", () => {
  it("is x · weight + bias at every step", () =>
    fc.assert(
      fc.property(fc.array(float32(-4, 4), { minLength: 12, maxLength: 12 }), (xs) =>
        scoped(() => {
          const layer = linear(2, 2);
          layer.parameters.weight.assign(
            tensor2d([
              [1, 2],
              [3, 4],
            ]),
          );
          layer.parameters.bias.assign(tensor1d([10, 20]));
          const rows = Array.from({ length: 6 }, (_, i) => [xs[2 * i]!, xs[2 * i + 1]!] as const);
          expectClose(
            layer.forward(tensor(xs, [3, 2, 2]), evaluation),
            rows.flatMap(([a, b]) => [a + 3 * b + 10, 2 * a + 4 * b + 20]),
          );
        }),
      ),
    ));

  it("has no bias when told so", () =>
    scoped(() => {
      const layer = linear(3, 2, { bias: false });
      expect(Object.keys(layer.parameters)).toEqual(["weight"]);
      expect(read(layer.forward(zeros([1, 1, 3]), evaluation))).toEqual([0, 0]);
    }));

  it("starts from values uniform in ±1/√inFeatures that the source of randomness fixes", () =>
    scoped(() => {
      const values = (seed: number) => {
        const { weight, bias } = linear(64, 32, { random: random(seed) }).parameters;
        return [...read(weight!), ...read(bias!)];
      };
      expect(values(1)).toEqual(values(1));
      expect(values(1)).not.toEqual(values(2));
      const largest = Math.max(...values(1).map(Math.abs));
      expect(largest).toBeLessThanOrEqual(1 / 8);
      expect(largest).toBeGreaterThan(0.95 / 8);
    }));
});

describe("linear's checks", () => {
  it.each([
    { name: "inFeatures", make: () => linear(0, 3), got: 0 },
    { name: "outFeatures", make: () => linear(3, 0.5), got: 0.5 },
  ])("refuses $name = $got", ({ name, make, got }) =>
    expect(make).toThrow(new RangeError(`linear: ${name} must be an integer of at least 1, got ${got}`)),
  );

  it("refuses other features than its own", () =>
    scoped(() =>
      expect(() => linear(3, 2).forward(zeros([4, 2, 5]), evaluation)).toThrow(
        new RangeError("linear: x must be [T, N, 3], got [4,2,5]"),
      ),
    ));

  it("refuses a sequence of images and says what to put before it", () =>
    scoped(() =>
      expect(() => linear(8, 2).forward(zeros([4, 1, 2, 2, 2]), evaluation)).toThrow(
        new RangeError("linear: x must be [T, N, 8], got [4,1,2,2,2]; put flatten() before it"),
      ),
    ));
});
