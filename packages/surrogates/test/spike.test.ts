import { spike } from "@sew/surrogates";
import { describeBackends, floats, read, scoped } from "@sew/testing";
import { abs, grad, mul, relu, sub, tensor, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

/** A slope of one's own: the triangle, to be recognised by its values. */
const triangle = spike((u) => relu(sub(1, abs(u))));

describeBackends("spike", () => {
  it("makes a spike function of any slope: Θ forward, that slope back", () =>
    fc.assert(
      fc.property(floats, (us) =>
        scoped(() => {
          const u = tensor1d(us);
          expect(read(triangle(u))).toEqual(us.map((x) => (x >= 0 ? 1 : 0)));
          expect(read(grad(triangle)(u))).toEqual(us.map((x) => Math.max(0, Math.fround(1 - Math.abs(x)))));
        }),
      ),
    ));

  it("multiplies the slope with the gradient that arrives", () =>
    scoped(() => {
      const scaled = grad((u) => mul(3, triangle(u)));
      expect(read(scaled(tensor1d([-0.5, 0, 2])))).toEqual([1.5, 3, 0]);
    }));

  it("keeps the shape and gives float32", () =>
    scoped(() => {
      const s = triangle(tensor([-1, 0, 1, 2, -2, 0.5], [1, 3, 2]));
      expect([s.shape, s.dtype]).toEqual([[1, 3, 2], "float32"]);
    }));

  it("tells fused kernels nothing that it was not told", () => {
    expect(triangle.fused).toBeUndefined();
    expect(spike((u) => u, { kind: "constant", alpha: 1 }).fused).toEqual({ kind: "constant", alpha: 1 });
  });
});
