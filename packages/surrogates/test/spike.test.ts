import { describeBackends, expectClose, floats, read, scoped } from "@sew/kernels/testing";
import * as exported from "@sew/surrogates";
import { type Spike, smooth, spike, surrogates } from "@sew/surrogates";
import { abs, grad, mul, relu, sub, sum, tanh, tensor, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** A slope of one's own: the triangle. */
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

  it("has the primitive that it was made with, or none", () => {
    expect(triangle.primitive).toBeUndefined();
    expect(spike((u) => u, { primitive: tanh }).primitive).toBe(tanh);
  });
});

describeBackends("smooth", () => {
  it("makes a loss whose finite differences are the gradient that training uses", () =>
    scoped(() => {
      // A chain of two neurons: the second is fed by the first, and only a smooth one passes small differences on.
      const soft = smooth(surrogates.sigmoid({ alpha: 1 }));
      const loss = (u: number) => read(sum(mul(3, soft(sub(mul(2, soft(tensor1d([u]))), 1)))))[0]!;
      const gradient = grad((u) => sum(mul(3, soft(sub(mul(2, soft(u)), 1)))))(tensor1d([0.25]));
      expectClose(gradient, [(loss(0.25 + 2 ** -6) - loss(0.25 - 2 ** -6)) * 2 ** 5], {
        relative: 1e-4,
        absolute: 1e-4,
      });
    }));

  it("refuses a spike function without a primitive, and says what to do", () =>
    expect(() => smooth(triangle)).toThrow(
      new TypeError(
        "smooth: spike must have a primitive, got one without; make it with spike(slope, { primitive }), where slope is the derivative of primitive",
      ),
    ));
});

describe("the surrogates of this package", () => {
  it("are the entries of its record", () => {
    const { smooth: _, spike: __, surrogates: record, ...others } = exported;
    expect(record).toEqual(others);
  });

  it.each(Object.entries<() => Spike>(surrogates))("%s has a primitive", (_, make) =>
    expect(make().primitive).toBeTypeOf("function"),
  );
});
