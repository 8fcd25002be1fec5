import { batchNormTraining } from "@sew/kernels";
import { difference, read } from "@sew/kernels/testing";
import { grads, mul, setBackend, sum, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { about, edgeSizes, floats, seeds } from "./values.js";

/** Rows about the 256 of a block. */
const shapes: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 9 }), edgeSizes),
  fc.tuple(about(256, 512), fc.constantFrom(1, 3, 17)),
  fc.constantFrom([2, 3, 4, 4, 5], [1, 1, 1, 1, 1]),
);

/** y, mean and variance, and the gradients of x, scale and offset of a weighted sum of y. */
function outcome([x, scale, offset, dy]: readonly Tensor[]): number[][] {
  return tidy(() => {
    const forward = (x: Tensor, scale: Tensor, offset: Tensor) =>
      batchNormTraining({ x, scale, offset }, { epsilon: 0.1 });
    const outputs = forward(x!, scale!, offset!);
    const gradients = grads((...[a, b, c]) => sum(mul(forward(a!, b!, c!)[0]!, dy!)))([x!, scale!, offset!]);
    return [...outputs, ...gradients].map(read);
  });
}

describeNative("the fused batch norm", () => {
  it("gives what the composed operations give on the cpu backend, with the gradients of autodiff", () =>
    fc.assert(
      fc.asyncProperty(shapes, seeds, async (shape, seed) => {
        const channels = [shape.at(-1)!];
        const on = async (name: "native" | "cpu") => {
          await setBackend(name);
          const inputs = [shape, channels, channels, shape].map((of, i) => {
            const { data } = floats(of, seed + i, "reals");
            return tensor(data, [...of]);
          });
          const found = outcome(inputs);
          for (const t of inputs) t.dispose();
          return found;
        };
        const expected = await on("cpu");
        const rows = shape.reduce((a, b) => a * b, 1) / channels[0]!;
        for (const [i, found] of (await on("native")).entries()) {
          // All inputs are below 2 and 1/√(variance + 0.1) is below 3.2, so that every term is below 100. Sums run
          // over blocks of 256 rows in float32; the last two results are sums over all rows.
          const error = 300 * 2 ** -24 * 100 * (i >= 4 ? rows : 1) * 0.1;
          expect(difference(found, expected[i]!, { relative: 0, absolute: error })).toBeUndefined();
        }
      }),
      { numRuns: 60 },
    ));
});
