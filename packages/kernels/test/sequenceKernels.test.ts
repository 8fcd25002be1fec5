import { conv2dOfSequence, maxPoolOfSequence } from "@sew/kernels";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import {
  conv2d,
  getBackend,
  grads,
  maxPool,
  mul,
  reshape,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
} from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const values = (shape: number[]) =>
  tensor(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(7 * i)),
    shape,
  );
const images = (x: Tensor) => reshape(x, [6, 5, 4, 2]) as Tensor4D;
const sequence = (y: Tensor) => reshape(y, [3, 2, ...y.shape.slice(1)]);

describeBackends("kernels on sequences", () => {
  it("convolve every image as conv2d does, with its gradients, or are none", () =>
    scoped(() => {
      const [x, filter] = [values([3, 2, 5, 4, 2]), values([3, 3, 2, 4])];
      const expected = (a: Tensor, b: Tensor) => sequence(conv2d(images(a), b as Tensor4D, 2, 1));
      const y = conv2dOfSequence(x, filter, 2, 1);
      expect(y === undefined).toBe(getBackend() !== "native");
      if (y === undefined) return;
      expect([y.shape, read(y)]).toEqual([[3, 2, 3, 2, 4], read(expected(x, filter))]);
      const weighted = (f: typeof expected) => grads((a, b) => sum(mul(f(a, b), values([3, 2, 3, 2, 4]))))([x, filter]);
      const own = weighted((a, b) => conv2dOfSequence(a, b, 2, 1)!);
      expect(own.map(read)).toEqual(weighted(expected).map(read));
    }));

  it("pool every image as maxPool does, with its gradient, or are none", () =>
    scoped(() => {
      const x = values([3, 2, 5, 4, 2]);
      const expected = (a: Tensor) => sequence(maxPool(images(a), 2, 2, 1));
      const y = maxPoolOfSequence(x, 2, 2, 1);
      if (y === undefined) return;
      expect([y.shape, read(y)]).toEqual([[3, 2, 3, 3, 2], read(expected(x))]);
      const weighted = (f: typeof expected) => grads((a) => sum(mul(f(a), values([3, 2, 3, 3, 2]))))([x]);
      expect(weighted((a) => maxPoolOfSequence(a, 2, 2, 1)!).map(read)).toEqual(weighted(expected).map(read));
    }));
});
